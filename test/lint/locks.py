#!/usr/bin/env python3
"""The tables of docs/locking.md are the lists of ranks in the source: same names, same ranks, same order."""

import re

import tree

PAGE = "docs/locking.md"
LISTS = [("LOCK_", "kernel/debug/spinlock.h", "lock_rank"), ("MUTEX_", "kernel/cpu/mutex.h", "mutex_rank")]


def ranks_of_source(path: str, name: str) -> list[tuple[str, int]]:
    body = re.search(r"enum %s \{(.*?)\};" % name, tree.read(path), re.DOTALL)
    return [(lock, int(rank)) for lock, rank in re.findall(r"^\s*(\w+) = (\d+),", body[1], re.MULTILINE)]


def ranks_of_page(prefix: str) -> list[tuple[str, int]]:
    rows = re.findall(r"^\| (\d+) \| `(%s\w+)` \| \S.* \|$" % prefix, tree.read(PAGE), re.MULTILINE)
    return [(lock, int(rank)) for rank, lock in rows]


def check() -> tuple[list[str], int]:
    faults, checked = [], 0
    for prefix, path, name in LISTS:
        source, page = ranks_of_source(path, name), ranks_of_page(prefix)
        checked += len(source)
        if source != sorted(source, key=lambda entry: entry[1]):
            faults.append(f"{path}: enum {name} is not in the order of its ranks")
        faults += [f"{PAGE}: {lock}, rank {rank}, is missing"
                   for lock, rank in source if (lock, rank) not in page]
        faults += [f"{PAGE}: {lock} has no rank {rank} in {path}"
                   for lock, rank in page if (lock, rank) not in source]
        if not faults and source != page:
            faults.append(f"{PAGE}: the rows of {prefix}* are not in the order of {path}")
    return faults, checked


if __name__ == "__main__":
    tree.run(check)
