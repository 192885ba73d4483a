#!/usr/bin/env python3
"""Boots kbench on Quire and prints what every operation costs, in guest instructions, beside other kernels
and the aim.

Guest time goes by instructions, 64 ns each, and the TSC counts nanoseconds of it: a difference of two
readings over 64 is the exact number of instructions between them, however busy the host is. Timer interrupts,
too, come 64 times as often per instruction as they would at one nanosecond; medians leave them out, and
--exact does without them, at the price of firmware that takes half a minute. REP string instructions count
once an iteration, so the processor is one without ERMS and FSRM, for which kernels clear and copy in 64-bit
steps."""

import argparse
import glob
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "test/bench")]
sys.dont_write_bytecode = True

import functions  # noqa: E402
import processors  # noqa: E402
import reference  # noqa: E402
from esp.boot import Boot, Run, Stdio, log_tail  # noqa: E402
from esp.cpio import Writer  # noqa: E402
from esp.machine import Machine, memory_bytes, qemu_program  # noqa: E402
from esp.words import quote  # noqa: E402

TICKS_PER_INSTRUCTION = 64  # of Machine.deterministic
EXACT = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01,clock=vm", "-seed", "1"]
MACHINE = Machine(memory=reference.MEMORY, cpu="max,-erms,-fsrm", display=[])
PROGRAM = "/bin/kbench"
TIME_LIMIT = 600

ENTERED = re.compile(r"boot: the kernel was entered at tick (\d+)")
RESULT = re.compile(r"^(\S+) (\d+(?:\.\d+)?)(?: \d+\.\d+ (\d+))?\r?$", re.MULTILINE)

LINUX_KERNELS = "/boot/vmlinuz-*"
LINUX_LEAN = "mitigations=off init_on_alloc=0 apparmor=0 audit=0"
LINUX_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/kbench {names}
/bin/busybox poweroff -f
"""


class Failure(Exception):
    """Nothing was measured; the message says why."""


def results_of(text: str, ticks_per_instruction: int) -> dict[str, float]:
    """kbench's words as instructions per operation; "entry" and "free" as they are, "operations" in all."""
    if not re.search(r"^end\r?$", text, re.MULTILINE):
        raise Failure(f"kbench did not come to its end:\n{text}")
    matches = list(RESULT.finditer(text))
    results = {match[1]: float(match[2]) / (ticks_per_instruction if match[3] else 1) for match in matches}
    results["operations"] = sum(int(match[3] or 0) for match in matches)
    return results


def measure_quire(build: str, names: list[str], exact: bool, machine: Machine = MACHINE) -> dict[str, float]:
    with open(os.path.join(build, "test/bench/kbench"), "rb") as file:
        writer = Writer()
        writer.add_file(PROGRAM, file.read())
    if exact:
        machine = replace(machine, deterministic=False, extra=EXACT)
    arguments = " ".join(map(quote, [PROGRAM, *names]))
    words = f"console=log stdio=serial debug-exit=0xf4 init={PROGRAM} -- {arguments}"
    boot = Boot(machine, os.path.join(build, "esp.img"), words, writer.bytes(), timeout=TIME_LIMIT)
    with tempfile.TemporaryFile() as output:
        with Run(boot, Stdio(None, output.fileno(), output.fileno())) as run:
            outcome = run.run()
            log = log_tail(run.log, lines=1000)
        output.seek(0)
        text = output.read().decode(errors="replace")
    if not outcome.orderly or outcome.exit_status != 0:
        raise Failure(f"{outcome.describe()}\n{text}\n{log}")
    ticks = 1 if exact else TICKS_PER_INSTRUCTION
    results = results_of(text, ticks)
    results["boot"] = (results.pop("entry") - int(ENTERED.search(log)[1])) / ticks
    results["memory"] = memory_bytes(reference.MEMORY) - results.pop("free")
    return results


def linux_archive(build: str, names: list[str]) -> bytes:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise Failure("busybox is not installed (package busybox-static)")
    writer = Writer()
    writer.add_from_host(os.path.join(build, "test/bench/kbench"), PROGRAM)
    writer.add_from_host(busybox, "/bin/busybox")
    writer.add_file("/init", LINUX_INIT.format(names=" ".join(names)).encode())
    for folder in ("dev", "tmp"):
        writer.add(folder, stat.S_IFDIR | 0o755)
    return writer.bytes()


def measure_linux(kernel: str, build: str, names: list[str], options: str) -> dict[str, float]:
    """The same program on a Linux kernel. No firmware waits here, so a tick may be an instruction."""
    with tempfile.TemporaryDirectory(prefix="quire.") as folder:
        archive = os.path.join(folder, "initrd")
        with open(archive, "wb") as file:
            file.write(linux_archive(build, names))
        command = [qemu_program(), "-accel", "tcg", "-machine", MACHINE.machine, "-cpu", MACHINE.cpu,
                   "-m", MACHINE.memory, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
                   "-serial", "stdio", "-kernel", kernel, "-initrd", archive,
                   "-append", f"console=ttyS0 quiet {options}", *EXACT]
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             errors="replace", timeout=TIME_LIMIT)
    return results_of(run.stdout, 1)


# The table


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value / 1e6:.1f} M" if value >= 10_000_000 else f"{value:.0f}"


def mark_of(value: float | None, aim: int | None) -> str:
    if value is None:
        return "not there"
    return "" if aim is None or value <= aim else f"{value / aim:.1f} x"


def rows_of(quire: dict[str, float], linux: dict[str, float] | None, names: list[str]) -> list[list[str]]:
    rows = []
    for operation in [*reference.OPERATIONS, reference.BOOT, reference.MEMORY_TAKEN]:
        if names and operation.name not in names:
            continue
        value = quire.get(operation.name)
        row = [operation.name, figure(value), figure(operation.aim), mark_of(value, operation.aim)]
        if linux is not None:
            row.append(figure(linux.get(operation.name)))
        rows.append([*row, figure(operation.linux), figure(operation.lean), operation.what, operation.peers])
    return rows


def print_table(rows: list[list[str]], measured_linux: bool) -> None:
    heads = ["operation", "Quire", "aim", "missed by", *(["Linux here"] if measured_linux else []),
             "Linux", "lean", "", "others"]
    left = {0, len(heads) - 2, len(heads) - 1}
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        cells = [cell.ljust(width) if i in left else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        print("  ".join(cells).rstrip())


def print_summary(quire: dict[str, float], names: list[str]) -> None:
    shown = [operation for operation in [*reference.OPERATIONS, reference.BOOT, reference.MEMORY_TAKEN]
             if operation.aim is not None and (not names or operation.name in names)]
    met = sum(quire.get(operation.name, float("inf")) <= operation.aim for operation in shown)
    print(f"\nInstructions per operation, and bytes of memory; {met} of {len(shown)} aims met. Linux (Debian"
          "\n6.1 as it comes), lean (without mitigations and auditing), others: test/bench/reference.py.")


def guard(build: str) -> int:
    """The test suite's part: what has a limit must stay below it."""
    limited = [operation for operation in reference.OPERATIONS if operation.limit is not None]
    results = measure_quire(build, [operation.name for operation in limited], exact=False)
    failed = 0
    for operation in limited:
        value = results.get(operation.name)
        if value is None or value > operation.limit:
            failed += 1
            print(f"{operation.name}: {figure(value)} instructions, the limit is {operation.limit}")
    print(f"{len(limited) - failed} passed, {failed} failed")
    return 1 if failed else 0


def show_functions(build: str, operation: str) -> None:
    operations: list[float] = []

    def run_traced(arguments: list[str]) -> None:
        results = measure_quire(build, [operation], False, replace(MACHINE, extra=arguments))
        operations.append(results["operations"])

    counts, symbols = functions.executed(build, run_traced)
    functions.print_functions(counts, symbols, operations[0])


def main() -> int:
    parser = argparse.ArgumentParser(prog="quire bench", description="Measure the kernel's operations.")
    add = parser.add_argument
    add("--build", required=True, help=argparse.SUPPRESS)
    add("--exact", action="store_true", help="one tick an instruction; takes a minute")
    add("--linux", metavar="KERNEL", help="measure this Linux kernel, too (default: the newest in /boot)")
    add("--no-linux", action="store_true", help="measure Quire alone")
    add("--linux-options", metavar="WORDS", default=LINUX_LEAN, help=f"default: {LINUX_LEAN}")
    add("--json", metavar="FILE", help="write the figures there as well")
    add("--functions", action="store_true", help="one operation's instructions, by function of the kernel")
    add("--processors", action="store_true", help="what a second processor brings, by the wall clock")
    add("--guard", action="store_true", help="only hold the limits of the test suite")
    add("names", nargs="*", metavar="OPERATION", help="only these, by the table's first column")
    options = parser.parse_args()

    known = [operation.name for operation in reference.OPERATIONS]
    for name in options.names:
        if name not in known:
            parser.error(f"no operation {name!r}: there are {', '.join(known)}")
    try:
        if options.processors:
            return processors.report(options.build)
        if options.guard:
            return guard(options.build)
        if options.functions:
            if len(options.names) != 1:
                parser.error("--functions is for one operation")
            show_functions(options.build, options.names[0])
            return 0
        quire = measure_quire(options.build, options.names, options.exact)
        kernel = options.linux or max(glob.glob(LINUX_KERNELS), key=os.path.getmtime, default=None)
        linux = None
        if kernel is not None and not options.no_linux:
            linux = measure_linux(kernel, options.build, options.names, options.linux_options)
    except (Failure, OSError, subprocess.TimeoutExpired) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    print_table(rows_of(quire, linux, options.names), linux is not None)
    print_summary(quire, options.names)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"quire": quire, "linux": linux}, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
