#!/usr/bin/env python3
"""What the documentation points at is there: links between its pages, their headings, and files it names."""

import os
import re

import tree

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.*?) *$", re.MULTILINE)
# `kernel/main.c`, `paging/`: a path from the root in code style, its first folder one of ours.
NAMED_PATH = re.compile(r"`([A-Za-z0-9_.-]+/[A-Za-z0-9_./-]*)`")


def anchors(text: str) -> set[str]:
    """The names that GitHub and most others give to headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def faults_of(path: str, text: str, top_folders: set[str]) -> tuple[list[str], int]:
    faults, checked = [], 0
    prose = CODE_BLOCK.sub("", text)
    for link in LINK.findall(prose):
        if re.match(r"[a-z]+:", link):
            continue
        checked += 1
        target, _, anchor = link.partition("#")
        there = os.path.normpath(os.path.join(os.path.dirname(path), target))
        if target and not os.path.exists(os.path.join(tree.ROOT, there)):
            faults.append(f"{path}: links to {link}, which does not exist")
        elif anchor and anchor not in anchors(tree.read(there) if target else text):
            faults.append(f"{path}: links to {link}, which has no such heading")
    for name in NAMED_PATH.findall(prose):
        if name.split("/")[0] in top_folders:
            checked += 1
            if not os.path.exists(os.path.join(tree.ROOT, name)):
                faults.append(f"{path}: names {name}, which does not exist")
    return faults, checked


def check() -> tuple[list[str], int]:
    top_folders = set(tree.folders()[0][1])
    faults, checked = [], 0
    for path in tree.files(".md"):
        found, count = faults_of(path, tree.read(path), top_folders)
        faults += found
        checked += count + 1
    return faults, checked


if __name__ == "__main__":
    tree.run(check)
