#!/usr/bin/env python3
"""Text as it should be: no file too long, no tabs, no trailing spaces, a newline at the end, nothing left to
do."""

import re

import tree

MAX_LINES = 600
MAX_PYTHON_COLUMNS = 110
TEXT = (".c", ".h", ".S", ".ld", ".py", ".md", ".build", ".txt", ".sh", "quire")
# Written apart, so that this file does not find itself.
LEFT_TO_DO = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def faults_of(path: str, text: str) -> list[str]:
    faults = []
    lines = text.split("\n")
    if len(lines) - 1 > MAX_LINES:
        faults.append(f"{path}: {len(lines) - 1} lines, more than {MAX_LINES}")
    if text and not text.endswith("\n"):
        faults.append(f"{path}: no newline at the end")
    if text.endswith("\n\n"):
        faults.append(f"{path}: empty lines at the end")
    for number, line in enumerate(lines, start=1):
        if "\t" in line:
            faults.append(f"{path}:{number}: a tab")
        if line != line.rstrip():
            faults.append(f"{path}:{number}: spaces at the end")
        if LEFT_TO_DO.search(line):
            faults.append(f"{path}:{number}: something left to do")
        if path.endswith((".py", "quire")) and len(line) > MAX_PYTHON_COLUMNS:
            faults.append(f"{path}:{number}: {len(line)} columns, more than {MAX_PYTHON_COLUMNS}")
    return faults


def check() -> tuple[list[str], int]:
    paths = tree.files(*TEXT)
    return [fault for path in paths for fault in faults_of(path, tree.read(path))], len(paths)


if __name__ == "__main__":
    tree.run(check)
