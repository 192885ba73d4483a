#!/usr/bin/env python3
"""Every folder's README.md lists its files, one line each, completely and truly: "- `name` - what it is"."""

import os
import re

import tree

# One or several names, then a dash and what they are. A folder's name ends in a slash.
LINE = re.compile(r"^(?:[-*] )?((?:`[^`]+`)(?:,? (?:and )?`[^`]+`)*) - \S", re.MULTILINE)
NAME = re.compile(r"`([^`]+)`")


def faults_of(folder: str, inner: list[str], names: list[str], text: str) -> list[str]:
    listed = [name for line in LINE.findall(text) for name in NAME.findall(line)]
    present = {name for name in names if name != "README.md" and not name.startswith(".")}
    readme = os.path.normpath(os.path.join(folder, "README.md"))
    faults = [f"{readme}: `{name}` is not listed" for name in sorted(present - set(listed))]
    for name in listed:
        if name.endswith("/"):
            if name.rstrip("/") not in inner:
                faults.append(f"{readme}: lists {name}, which does not exist")
        elif name not in present:
            faults.append(f"{readme}: lists `{name}`, which does not exist")
    faults += [f"{readme}: lists `{name}` twice" for name in sorted(set(listed)) if listed.count(name) > 1]
    return faults


def check() -> tuple[list[str], int]:
    faults, checked = [], 0
    for folder, inner, names in tree.folders():
        visible = [name for name in names if not name.startswith(".")]
        if not visible or any(part.startswith(".") and part != "." for part in folder.split("/")):
            continue
        checked += 1
        if "README.md" not in names:
            faults.append(f"{folder}: has no README.md")
        else:
            faults += faults_of(folder, inner, names, tree.read(os.path.join(folder, "README.md")))
    return faults, checked


if __name__ == "__main__":
    tree.run(check)
