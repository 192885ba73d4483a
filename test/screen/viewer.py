"""The memory viewer's JSON at the steps of userland/view-steps.c: who has what before and after fork, a
copied write, a shared
mapping and exit.

usage: viewer.py ESP_IMAGE PROGRAM

The last line is "N passed, M failed"."""

import json
import os
import re
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, ROOT)
sys.dont_write_bytecode = True

from esp.boot import Boot, Run, Stdio, log_tail  # noqa: E402
from esp.cpio import Writer  # noqa: E402
from esp.machine import Machine  # noqa: E402

PAGES = 16
LETTERS = {1: "1", 2: "2"}


def run(image: str, program: str) -> str:
    writer = Writer()
    with open(program, "rb") as file:
        writer.add_file("bin/view-steps", file.read())
    words = "stdio=serial debug-exit=0xf4 init=/bin/view-steps -- view-steps"
    with tempfile.TemporaryFile() as output:
        with Run(Boot(Machine(), image, words, writer.bytes(), timeout=120), Stdio(None, output.fileno(),
                                                                                   2)) as machine:
            outcome = machine.run()
            if not outcome.orderly:
                print(log_tail(machine.log))
        output.seek(0)
        return output.read().decode().replace("\r", "")


def process(frame: dict, pid: int) -> dict | None:
    return next((each for each in frame["processes"] if each["pid"] == pid), None)


def region(frame: dict, pid: int, address: int) -> dict:
    return next(each for each in process(frame, pid)["regions"] if each["start"] <= address < each["end"])


def main() -> int:
    text = run(*sys.argv[1:3])
    addresses = re.search(r"private (\d+) shared (\d+)", text)
    frames = {name: json.loads(body) for name, body in
              re.findall(r"^=== (\w+)\n(\{.*?\n)(?==== )", text, re.MULTILINE | re.DOTALL)}
    if addresses is None or len(frames) != 5:
        print(text[-2000:])
        print("0 passed, 1 failed")
        return 1
    private, shared = int(addresses[1]), int(addresses[2])
    alone, forked, written = frames["alone"], frames["forked"], frames["written"]
    mapped, ended = frames["mapped"], frames["ended"]
    results: list[tuple[str, bool]] = []

    def check(what: str, condition) -> None:
        results.append((what, bool(condition)))

    for name, frame in frames.items():
        check(f"{name}: nothing is wrong: {frame['errors']}, leaked {frame['frames']['leaked']}",
              frame["error_count"] == 0 and frame["frames"]["leaked"] == 0 and not frame["incomplete"])
    check("alone: one process, which shares nothing",
          len(alone["processes"]) == 1 and process(alone, 1)["shared"] == 0)
    check("alone: its pages are resident and dirty",
          region(alone, 1, private)["resident"] == region(alone, 1, private)["dirty"] == PAGES)
    for pid in (1, 2):
        part = region(forked, pid, private)
        check(f"forked: process {pid} shares all its private pages, copy-on-write",
              part["shared"] == part["copy_on_write"] == part["resident"] == PAGES)
    for pid in (1, 2):
        part = region(written, pid, private)
        check(f"written: process {pid} shares two pages less", part["resident"] == PAGES
              and part["shared"] == PAGES - 2)
    check("written: two frames more", written["frames"]["anonymous"] - forked["frames"]["anonymous"] >= 2)
    for pid in (1, 2):
        part = region(mapped, pid, shared)
        check(f"mapped: process {pid} has the shared mapping, writable",
              part["shared_mapping"] and part["backing"] == "shared memory" and part["shared"] == PAGES
              and part["copy_on_write"] == 0)
    check("mapped: sixteen frames of shared memory", mapped["frames"]["shared"] == PAGES)
    check("ended: the child is gone, and nothing is shared",
          process(ended, 2) is None and process(ended, 1)["shared"] == 0)
    # The one that is left may have got a table more: where its memory lies is random.
    tables = [frame["frames"]["page table"] - process(frame, 1)["tables"] for frame in (alone, ended)]
    check(f"ended: its tables are gone: {tables}", tables[0] == tables[1])
    check("ended: pages are as before",
          ended["frames"]["anonymous"] <= written["frames"]["anonymous"] - PAGES // 8)
    window = forked["processes"][0]["virtual"]
    cells = "".join(window["rows"])
    attributes = "".join(window["attributes"])
    check("forked: pages that both have are S, reversed: blue on white",
          any(cells[i] == "S" and attributes[2 * i:2 * i + 2] == "f1" for i in range(len(cells))))
    for what, good in results:
        if not good:
            print(f"not ok: {what}")
    failed = sum(not good for _, good in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
