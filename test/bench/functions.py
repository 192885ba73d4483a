"""Where an operation's instructions go: every one that the kernel executes, counted by function.

The machine runs one instruction at a time and QEMU logs each address in the kernel's code. Counting begins
with kbench's sysinfo() and ends with its unlink(), so that the start of the system and of the program is
left out; what a benchmark makes before each sample is in."""

import bisect
import collections
import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Iterator

KERNEL_CODE = 0xFFFF_FFFF_8000_0000
KERNEL_CODE_SIZE = 0x40_0000
FIRST, LAST = "sys_sysinfo", "sys_unlink"


class Symbols:
    """Functions of the kernel by address."""

    def __init__(self, kernel: str):
        listing = subprocess.run(["llvm-nm", "-n", kernel], capture_output=True, text=True, check=True).stdout
        symbols = [line.split() for line in listing.splitlines()]
        found = [(int(words[0], 16), words[2]) for words in symbols if len(words) == 3 and words[1] in "tTwW"]
        self._starts = [start for start, _name in found]
        self._names = [name for _start, name in found]
        self.address = {name: start for start, name in found}

    def name(self, address: int) -> str:
        place = bisect.bisect_right(self._starts, address) - 1
        return self._names[place] if place >= 0 else f"{address:#x}"


def _addresses(log: str) -> Iterator[bytes]:
    """A line is "Trace 0: HOST [CS/ADDRESS/FLAGS/...] NAME"."""
    with open(log, "rb", buffering=1 << 20) as file:
        for line in file:
            if line.startswith(b"Trace"):
                yield line.split(b"/", 2)[1]


def count(log: str, first: int, last: int) -> dict[int, int]:
    """How often each address was executed from `first` to `last`."""
    begin, end = b"%016x" % first, b"%016x" % last
    counts: collections.Counter = collections.Counter()
    addresses = _addresses(log)
    for address in addresses:
        if address == begin:
            break
    for address in addresses:
        if address == end:
            break
        counts[address] += 1
    for _address in addresses:  # QEMU waits for its reader
        pass
    return {int(address, 16): times for address, times in counts.items()}


@contextlib.contextmanager
def fifo(path: str) -> Iterator[str]:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.mkfifo(path)
    try:
        yield path
    finally:
        os.unlink(path)


def executed(build: str, run: Callable[[list[str]], None]) -> tuple[dict[int, int], Symbols]:
    """Executions by address while run(QEMU's additional arguments) goes on."""
    symbols = Symbols(os.path.join(build, "kernel.elf"))
    counts: dict[int, int] = {}
    with fifo(os.path.join(build, "bench-functions.fifo")) as log:

        def read() -> None:
            counts.update(count(log, symbols.address[FIRST], symbols.address[LAST]))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        kernel = f"{KERNEL_CODE:#x}+{KERNEL_CODE_SIZE:#x}"
        run(["-singlestep", "-d", "exec,nochain", "-D", log, "-dfilter", kernel])
        reader.join()
    return counts, symbols


def print_functions(counts: dict[int, int], symbols: Symbols, operations: float) -> None:
    functions: collections.Counter = collections.Counter()
    for address, times in counts.items():
        functions[symbols.name(address)] += times
    total = sum(functions.values())
    print(f"{total / operations:12.1f}          instructions of the kernel, for each of {operations:.0f}")
    for name, times in functions.most_common():
        if times / total < 0.001:
            break
        print(f"{times / operations:12.1f}  {times / total:6.1%}  {name}")
