"""What a second processor brings: boots kscale on two processors that really run at the same time, and prints
its figures, of which the ratios within one run are what can be compared."""

import os
import re
import tempfile

from esp.boot import Boot, Run, Stdio, log_tail
from esp.cpio import Writer
from esp.machine import Machine

PROGRAM = "/bin/kscale"
MACHINE = Machine(cpus=2, memory="512M", cpu="max,-erms,-fsrm", display=[], deterministic=False)
TIME_LIMIT = 300
RESULT = re.compile(r"^(\S+) (\d+(?:\.\d+)?) (/s|ns|x)\r?$", re.MULTILINE)

# kscale's words for one processor, for two, and what is compared.
THROUGHPUT = [("compute", "a loop in user mode: what this host has to give"), ("getpid", "getpid"),
              ("fault", "anonymous faults, pages of 4 KiB")]


def measure(build: str) -> tuple[dict[str, float], str]:
    """kscale's figures; empty, and what was seen instead, when it did not come to its end."""
    with open(os.path.join(build, "test/bench/kscale"), "rb") as file:
        writer = Writer()
        writer.add_file(PROGRAM, file.read())
    words = f"console=log stdio=serial debug-exit=0xf4 init={PROGRAM} -- {PROGRAM}"
    boot = Boot(MACHINE, os.path.join(build, "esp.img"), words, writer.bytes(), timeout=TIME_LIMIT)
    with tempfile.TemporaryFile() as output:
        with Run(boot, Stdio(None, output.fileno(), output.fileno())) as run:
            outcome = run.run()
            log = log_tail(run.log)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if not outcome.orderly or not re.search(r"^end\r?$", text, re.MULTILINE):
        return {}, f"{outcome.describe()}\n{text}\n{log}"
    return {match[1]: float(match[2]) for match in RESULT.finditer(text)}, text


def report(build: str) -> int:
    figures, text = measure(build)
    if not figures:
        print(text)
        return 1
    load = os.getloadavg()[0]
    print("Two processors that run at the same time, by the wall clock. This machine has"
          f" {os.cpu_count()}; its load was {load:.1f}.\n")
    for name, what in THROUGHPUT:
        one, two, ratio = (figures[f"{name}-{kind}"] for kind in ("1", "2", "ratio"))
        print(f"{name:12} {one:12.0f} /s on one  {two:12.0f} /s on two {ratio:6.2f} x  {what}")
    print(f"{'futex':12} {figures['futex-1']:12.0f} ns on one  {figures['futex-2']:12.0f} ns on two"
          "           ping-pong of two threads, round trip")
    print(f"{'shootdown':12} {figures['protect-1']:12.0f} ns alone   {figures['protect-2']:12.0f} ns beside"
          "           mprotect of a page, another thread running there")
    return 0
