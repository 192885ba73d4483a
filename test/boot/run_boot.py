#!/usr/bin/env python3
"""Boot one row of the matrix and hold what happens against the table. The log is kept; its end is shown on
failure."""

import argparse
import contextlib
import os
import re
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from esp import image  # noqa: E402
from esp.boot import STATUS_ORDERLY, Boot, Outcome, Run, Stdio, log_tail  # noqa: E402
from esp.cpio import Writer  # noqa: E402
from esp.machine import memory_bytes, qemu_version  # noqa: E402
from esp.words import quote  # noqa: E402
from matrix import ROWS, Row, row_named  # noqa: E402

HELLO = b"hello from the first process\n"
PROBE_VERDICT = re.compile(r"^probe: (0x[0-9a-f]+) checks, (0x[0-9a-f]+) broken$")
MEMORY_LINE = re.compile(r"memory: (\d+) MiB usable")
SELFTEST_RESULT = re.compile(r"^\[[^\]]*\] (not )?ok (\w+)(?:: (.*))?$", re.MULTILINE)
FIRMWARE_MIB = 40
POLL_SECONDS = 0.2


def boot_of(row: Row, build: str, log: str) -> Boot:
    """What the row asks for, from what the build made."""
    words = ["console=log", *(["debug-exit=0xf4"] if row.debug_exit else [])]
    if row.words:
        words.append(row.words)
    archive = None
    if row.probe:
        pass
    elif row.selftest:
        words.append(row.selftest)
    else:
        writer = Writer()
        with open(os.path.join(build, "test/boot/first"), "rb") as file:
            writer.add_file("bin/first", file.read())
        archive = writer.bytes()
        words += ["stdio=serial", "init=/bin/first", "--", *map(quote, ["first", *row.program])]
    efi = os.path.join(build, "efi")
    loader = os.path.join(efi, "BOOTPROBE.EFI" if row.probe else "BOOTX64.EFI")
    esp, files = os.path.join(build, "esp.img"), {}
    if row.hostile:
        notes = f"{log}.hostile"
        with open(notes, "w") as file:
            file.write(row.hostile + "\n")
        esp = None
        shim = os.path.join(efi, "HOSTILE.EFI")
        files = {image.LOADER_PATH: shim, "loader.efi": loader, "hostile.txt": notes}
    elif row.probe:
        esp, files = None, {image.LOADER_PATH: loader}
    return Boot(row.machine, esp, " ".join(words), archive, files, log=log, as_disk=row.as_disk,
                timeout=row.timeout)


def read_all(descriptor: int, into: bytearray) -> None:
    while chunk := os.read(descriptor, 65536):
        into += chunk


def run_captured(boot: Boot) -> tuple[Outcome, bytes, bytes]:
    """Run to the end: the outcome, stdout, stderr."""
    captured = bytearray(), bytearray()
    pipes = os.pipe(), os.pipe()
    readers = [threading.Thread(target=read_all, args=(pipe[0], into)) for pipe, into in zip(pipes, captured)]
    for reader in readers:
        reader.start()
    try:
        with Run(boot, Stdio(None, pipes[0][1], pipes[1][1])) as run:
            outcome = run.run()
    finally:
        for pipe in pipes:
            os.close(pipe[1])
        for reader in readers:
            reader.join()
    return outcome, bytes(captured[0]), bytes(captured[1])


def explained(outcome: Outcome) -> str:
    return f"{outcome.describe()} {outcome.qemu_messages.strip()}"


def failures_of_program(row: Row, boot: Boot) -> list[str]:
    outcome, stdout, stderr = run_captured(boot)
    failures = []
    if not outcome.orderly or outcome.exit_status != row.status:
        failures.append(f"wanted exit status {row.status}: {explained(outcome)}")
    if stdout != HELLO:
        failures.append(f"wanted {HELLO!r} on stdout: {stdout!r}")
    if not row.hostile:
        failures += memory_failures(row, boot.log)
    if stderr:
        failures.append(f"wanted nothing on stderr: {stderr!r}")
    return failures


def memory_failures(row: Row, log: str) -> list[str]:
    """The kernel uses all of the machine's memory but for what firmware keeps."""
    said = MEMORY_LINE.search(log_tail(log, lines=sys.maxsize))
    wanted = (memory_bytes(row.machine.memory) >> 20) - FIRMWARE_MIB
    if said and wanted <= int(said[1]) <= wanted + FIRMWARE_MIB:
        return []
    return [f"wanted at least {wanted} MiB usable: {said[0] if said else 'nothing is said of it'}"]


def counts_results(row: Row) -> bool:
    """The row's results are those of the self-tests that the machine runs: it speaks TAP."""
    return bool(row.selftest) and not row.log and not row.until


def report_results(row: Row, log: str, failures: list[str]) -> None:
    """What the log says of each self-test, as TAP, and last the machine as a whole."""
    results = SELFTEST_RESULT.findall(log_tail(log, lines=sys.maxsize))
    for number, (failed, name, why) in enumerate(results, start=1):
        print(f"{'not ok' if failed else 'ok'} {number} - {name}")
        if why:
            print(f"# {why}")
    print(f"{'not ok' if failures else 'ok'} {len(results) + 1} - the machine of {row.name}")
    print(f"1..{len(results) + 1}")


def failures_of_selftest(row: Row, boot: Boot) -> list[str]:
    with Run(boot) as run:
        outcome = run.run()
    failures = []
    if outcome.qemu_status != row.status:
        failures.append(f"wanted QEMU status {row.status}, got {outcome.qemu_status}: {explained(outcome)}")
    if not row.log and (outcome.selftests is None or outcome.selftests[0] == 0 or outcome.selftests[1] != 0):
        failures.append(f"wanted passed self-tests: {outcome.describe()}")
    return failures


def failures_of_probe(row: Row, boot: Boot) -> list[str]:
    with Run(boot) as run:
        outcome = run.run()
    said = PROBE_VERDICT.search(log_tail(boot.log, lines=1))
    if outcome.qemu_status == STATUS_ORDERLY and said and int(said[1], 16) > 0 and int(said[2], 16) == 0:
        return []
    return [f"the probe is not content (QEMU status {outcome.qemu_status}) {outcome.qemu_messages.strip()}"]


def failures_of_waiting(row: Row, boot: Boot) -> list[str]:
    """Watch COM1 until the text is there."""
    with Run(boot) as run:
        run.start()
        deadline = time.monotonic() + row.timeout
        while time.monotonic() < deadline:
            if re.search(row.until, log_tail(boot.log, lines=sys.maxsize)):
                return []
            if run.ended():
                return [f"the machine ended before {row.until!r} was seen"]
            time.sleep(POLL_SECONDS)
    return [f"{row.until!r} was not seen in {row.timeout} s"]


def run_row(row: Row, build: str) -> int:
    folder = os.path.join(build, "boot-logs")
    os.makedirs(folder, exist_ok=True)
    log = os.path.join(folder, f"{row.name}.txt")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log)  # the last run's words are not this one's
    if row.qemu > (version := qemu_version()):
        print(f"{row.name}: needs QEMU {row.qemu} or later, first in PATH; this is {version}")
        return 1
    boot = boot_of(row, build, log)
    if row.until:
        failures = failures_of_waiting(row, boot)
    elif row.probe:
        failures = failures_of_probe(row, boot)
    elif row.selftest:
        failures = failures_of_selftest(row, boot)
    else:
        failures = failures_of_program(row, boot)
    text = log_tail(log, lines=sys.maxsize)
    failures += [f"the log does not match {pattern!r}" for pattern in row.log if not re.search(pattern, text)]
    if counts_results(row):
        report_results(row, log, failures)
    if not failures:
        return 0
    words = [f"--- end of {log}", *log_tail(log).split("\n"), "---",
             *(f"{row.name}: {why}" for why in failures)]
    comment = "# " if counts_results(row) else ""
    print("\n".join(comment + line for line in words))
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true",
                        help="suite, name, time limit and meson's protocol of each row")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build directory")
    parser.add_argument("row", nargs="?")
    arguments = parser.parse_args()
    if arguments.list:
        for row in ROWS:
            print(row.suite, row.name, row.timeout + 30, "tap" if counts_results(row) else "exitcode")
        return 0
    try:
        row = row_named(arguments.row)
    except StopIteration:
        parser.error(f"no row {arguments.row!r}")
    return run_row(row, arguments.build)


if __name__ == "__main__":
    sys.exit(main())
