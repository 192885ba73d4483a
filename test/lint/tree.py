"""The files of the project, for the tests of this folder: everything in the checkout that is not built."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NOT_OURS = re.compile(r"\.git|build|build-.*|__pycache__")


def folders() -> list[tuple[str, list[str], list[str]]]:
    """Every folder as (path from the root, names of its folders, names of its files); the root is "."."""
    found = []
    for path, inner, names in os.walk(ROOT):
        inner[:] = sorted(name for name in inner if not NOT_OURS.fullmatch(name))
        found.append((os.path.relpath(path, ROOT), list(inner), sorted(names)))
    return found


def files(*endings: str) -> list[str]:
    """Paths from the root of all files, or of those whose names end so."""
    return [os.path.normpath(os.path.join(path, name))
            for path, _inner, names in folders() for name in names if not endings or name.endswith(endings)]


def read(path: str) -> str:
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def finish(faults: list[str], checked: int) -> int:
    """Print what was found; the exit status of the test. A test that saw nothing has not passed."""
    for fault in faults:
        print(fault)
    print(f"{checked} checked, {len(faults)} wrong")
    return 1 if faults or not checked else 0


def run(check) -> None:
    """`check()` returns (faults, how many things were looked at)."""
    sys.exit(finish(*check()))
