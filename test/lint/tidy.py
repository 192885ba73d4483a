#!/usr/bin/env python3
"""clang-tidy on every source of kernel and loader, each with the flags it is built with.

usage: tidy.py BUILD [NODES]

NODES: how many states of a function the analyzer looks at before it gives up; without it, as many as it does
by itself, which takes four times as long as 20000.

A source that was clean stays so until it, a header, its flags or .clang-tidy change: clean results are kept
in the build directory."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import tree

# Programs and tests do on purpose what is forbidden here; they have compiler warnings and sanitizers.
LEFT_OUT = ("..", "test/", "userland/")
COMPILER = re.compile(r"(^|/)clang(-\d+)?$")
OUTPUTS = ("-o", "-MF", "-MT")
WITH_OPERAND = (*OUTPUTS, "-target", "-I", "-isystem", "-idirafter", "-include", "-D", "-z", "-T", "-x")
FOR_LINKER = ("-Wl,", "-fuse-ld", "-static", "-nostdlib", "-l", "-L")
FINDING = re.compile(r"^.*:\d+:\d+: (?:error|warning): ")


def commands(build: str) -> dict[str, dict]:
    """One entry of the compile database per C source of ours: path from the root -> entry."""
    with open(os.path.join(build, "compile_commands.json")) as file:
        entries = json.load(file)
    found = {}
    for entry in entries:
        program = entry["command"].split(" ", 1)[0]
        path = os.path.relpath(os.path.realpath(os.path.join(entry["directory"], entry["file"])), tree.ROOT)
        if COMPILER.search(program) and path.endswith(".c") and not path.startswith(LEFT_OUT):
            found.setdefault(path, entry)
    return found


def analyzer_arguments() -> list[str]:
    if len(sys.argv) < 3:
        return []
    words = ("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={sys.argv[2]}")
    return [f"--extra-arg={word}" for word in words]


def common_key() -> bytes:
    """What every source's result depends on: rules and headers."""
    key = hashlib.sha256(tree.read(".clang-tidy").encode() + repr(analyzer_arguments()).encode())
    for path in tree.files(".h"):
        key.update(path.encode() + tree.read(path).encode())
    return key.digest()


def compile_flags(command: str) -> list[str]:
    """What of a build command tells how to read a source: no inputs, no outputs, nothing for the linker."""
    flags, words = [], iter(shlex.split(command)[1:])
    for word in words:
        if word in WITH_OPERAND:
            operand = next(words)
            if word not in OUTPUTS:
                flags += [word, operand]
        elif word.startswith("-") and not word.startswith(FOR_LINKER) and word not in ("-c", "-MD"):
            flags.append(word)
    return flags


def faults_of(path: str, entry: dict, build: str, common: bytes) -> list[str]:
    key = hashlib.sha256(common + entry["command"].encode() + tree.read(path).encode()).hexdigest()
    clean = os.path.join(build, "clang-tidy", key)
    if os.path.exists(clean):
        return []
    ours = "|".join(tree.folders()[0][1])
    source = os.path.join(tree.ROOT, path)
    filter_ = f"--header-filter=/({ours})/[^:]*$"
    command = ["clang-tidy", "--quiet", filter_, *analyzer_arguments(), source, "--"]
    result = subprocess.run(command + compile_flags(entry["command"]), cwd=entry["directory"],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode == 0:
        open(clean, "w").close()
        return []
    lines = [line for line in result.stdout.split("\n") if FINDING.match(line)]
    return lines or [f"{path}: clang-tidy failed with status {result.returncode}: {result.stderr.strip()}"]


def check() -> tuple[list[str], int]:
    build = os.path.abspath(sys.argv[1])
    os.makedirs(os.path.join(build, "clang-tidy"), exist_ok=True)
    common = common_key()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda item: faults_of(*item, build, common), commands(build).items()))
    return [fault for faults in results for fault in faults], len(results)


if __name__ == "__main__":
    tree.run(check)
