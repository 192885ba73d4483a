"""How much of paging/ the unit tests run: builds them with coverage, runs them, prints lines per file.

Fails when a test fails or when fewer lines than --floor percent of paging/'s sources and headers ran."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

FLAGS = ["-std=gnu17", "-O1", "-g", "-fprofile-instr-generate", "-fcoverage-mapping"]


def build(root, work):
    """One program per paging_*_test.c, all with the library and the other paging_*.c of test/unit."""
    unit = root / "test" / "unit"
    tests = sorted(unit.glob("paging_*_test.c"))
    shared = sorted((root / "paging").glob("*.c")) + sorted(set(unit.glob("paging_*.c")) - set(tests))
    if not tests:
        sys.exit(f"no paging_*_test.c in {unit}")
    objects = []
    for source in shared + tests:
        objects.append(work / f"{source.parent.name}_{source.stem}.o")
        subprocess.run(["clang", *FLAGS, f"-I{root}", "-c", source, "-o", objects[-1]], check=True)
    programs = []
    for test, test_object in zip(tests, objects[len(shared):]):
        programs.append(work / test.stem)
        command = ["clang", *FLAGS, *objects[: len(shared)], test_object, "-lcmocka", "-o", programs[-1]]
        subprocess.run(command, check=True)
    return programs


def run(programs, work):
    """Run each, and join their profiles."""
    profiles = []
    for program in programs:
        profiles.append(program.with_suffix(".profraw"))
        environment = dict(os.environ, LLVM_PROFILE_FILE=str(profiles[-1]))
        done = subprocess.run([program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            sys.stdout.buffer.write(done.stdout)
            sys.exit(f"{program.name} failed with status {done.returncode}")
    merged = work / "merged.profdata"
    subprocess.run(["llvm-profdata", "merge", *profiles, "-o", merged], check=True)
    return merged


def lines_by_file(root, programs, merged):
    """(lines, lines that ran) of every file of paging/ that holds code."""
    command = ["llvm-cov", "export", "-summary-only", f"-instr-profile={merged}", programs[0]]
    command += [f"-object={program}" for program in programs[1:]]
    exported = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    found = {}
    for entry in exported["data"][0]["files"]:
        path = pathlib.Path(entry["filename"])
        lines = entry["summary"]["lines"]
        if path.parent == root / "paging" and lines["count"] > 0:
            found[path.name] = (lines["count"], lines["covered"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--floor", type=float, required=True)
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        programs = build(root, work)
        found = lines_by_file(root, programs, run(programs, work))
    missing = {path.name for path in (root / "paging").glob("*.c")} - set(found)
    if missing:
        sys.exit(f"no coverage at all of {', '.join(sorted(missing))}")
    for name, (lines, ran) in sorted(found.items()):
        print(f"{name:20} {ran:5} of {lines:5} lines  {100 * ran / lines:6.1f} %")
    lines = sum(count for count, _ in found.values())
    ran = sum(covered for _, covered in found.values())
    percent = 100 * ran / lines
    print(f"{'paging/':20} {ran:5} of {lines:5} lines  {percent:6.1f} %")
    if percent < arguments.floor:
        sys.exit(f"below the floor of {arguments.floor} %")


if __name__ == "__main__":
    main()
