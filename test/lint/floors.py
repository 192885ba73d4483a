#!/usr/bin/env python3
"""Include arrows only go down: a file includes from its own floor or from one below it."""

import os
import re

import tree

# From the ground up. The last is what stands in kernel/ itself: the start-up.
FLOORS = [
    "paging",
    "kernel/lib",
    "kernel/debug",
    "kernel/cpu",
    "kernel/device",
    "kernel/memory",
    "kernel/vdso",
    "kernel/process",
    "kernel/view",
    "kernel/file",
    "syscalls",
    "kernel",
]
# Programs of their own beside the kernel: all that they may include.
BESIDE = {
    "efi": {"efi", "paging"},
    "userland": {"userland", "paging"},
}
# The one header that loader and kernel share.
SHARED = {"efi/boot_info.h"}
# Tests look at everything.
FREE = {"test"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def floor_of(path: str) -> str | None:
    """The longest entry of the table that `path` is or lies in."""
    places = [*FLOORS, *BESIDE, *FREE]
    matching = [place for place in places if path == place or path.startswith(place + "/")]
    return max(matching, key=len, default=None)


def fault_of(path: str, included: str) -> str | None:
    """What is wrong with `path` including `included`, both from the root; None when nothing is."""
    here = floor_of(path)
    if here in FREE or included in SHARED:
        return None
    there = floor_of(included)
    if here is None:
        return f"{path}: stands on no floor"
    if there is None:
        return f"{path}: includes {included}, which stands on no floor"
    if here in BESIDE:
        return None if there in BESIDE[here] else f"{path}: {here}/ must not include {included}"
    if there in BESIDE:
        return f"{path}: the kernel must not include {included}"
    if there in FREE or FLOORS.index(there) > FLOORS.index(here):
        return f"{path}: includes {included}, which is above it"
    return None


def missing_fault(path: str, included: str) -> str | None:
    """An include that is no path from the root: programs and tests may name a file beside them, or a
    generated one."""
    beside = os.path.join(os.path.dirname(path), included)
    if not os.path.exists(os.path.join(tree.ROOT, beside)):
        return None
    allowed = path.startswith(("userland/", "test/"))
    return None if allowed else f"{path}: includes {included} without its folder"


def check() -> tuple[list[str], int]:
    faults, checked = [], 0
    for path in tree.files(".c", ".h", ".S"):
        for included in INCLUDE.findall(tree.read(path)):
            checked += 1
            exists = os.path.exists(os.path.join(tree.ROOT, included))
            fault = fault_of(path, included) if exists else missing_fault(path, included)
            if fault:
                faults.append(fault)
    return faults, checked


if __name__ == "__main__":
    tree.run(check)
