#!/usr/bin/env python3
"""Every C file is laid out as .clang-format says. `--fix` lays them out."""

import subprocess
import sys

import tree


def check() -> tuple[list[str], int]:
    paths = tree.files(".c", ".h")
    if not paths:
        return [], 0
    if "--fix" in sys.argv[1:]:
        subprocess.run(["clang-format", "-i", "--style=file", *paths], cwd=tree.ROOT, check=True)
    result = subprocess.run(["clang-format", "--dry-run", "--style=file", "-Werror", *paths], cwd=tree.ROOT,
                            stdin=subprocess.DEVNULL, capture_output=True, text=True)
    lines = [line for line in result.stderr.split("\n") if "[-Wclang-format-violations]" in line]
    wrong = sorted({line.split(":")[0] for line in lines})
    faults = [f"{path}: not laid out as .clang-format says (test/lint/format.py --fix)" for path in wrong]
    if result.returncode != 0 and not wrong:
        faults.append(result.stderr.strip())
    return faults, len(paths)


if __name__ == "__main__":
    tree.run(check)
