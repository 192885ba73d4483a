"""Make the default archive: the programs, busybox with its links, and the few folders and files they expect.

usage: archive.py --strip OBJCOPY --busybox PATH [--script FILE] [--list GROUP=NAMES] OUTPUT PROGRAM..."""

import argparse
import os
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True

from esp.cpio import Writer  # noqa: E402

FOLDERS = {"bin": 0o755, "dev": 0o755, "etc": 0o755, "proc": 0o555, "root": 0o700, "tmp": 0o1777}
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnobody:x:65534:\n",
    "etc/hostname": "quire\n",
}


def stripped(objcopy: str, path: str) -> bytes:
    """The program without symbols and debug information; those stay in the build folder, for gdb."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "program")
        subprocess.run([objcopy, "--strip-all", path, output], check=True)
        with open(output, "rb") as file:
            return file.read()


def applets(busybox: str) -> list[str]:
    listing = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    return sorted(set(listing.stdout.split()) - {"busybox"})


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--strip", required=True)
    parser.add_argument("--busybox", required=True)
    parser.add_argument("--script", action="append", default=[], help="a file for /etc/tests")
    parser.add_argument("--list", action="append", default=[], help="a group of test programs for run-tests")
    parser.add_argument("output")
    parser.add_argument("programs", nargs="+")
    options = parser.parse_args()

    writer = Writer()
    for name, mode in FOLDERS.items():
        writer.add(name, stat.S_IFDIR | mode)
    for name, text in FILES.items():
        writer.add_file(name, text.encode(), 0o644)
    programs = sorted(options.programs, key=os.path.basename)
    for path in programs:
        writer.add_file(f"bin/{os.path.basename(path)}", stripped(options.strip, path))
    own = {os.path.basename(path) for path in programs}
    writer.add_file("bin/busybox", read(options.busybox))
    for name in applets(options.busybox):
        if name not in own:
            writer.add(f"bin/{name}", stat.S_IFLNK | 0o777, b"busybox")
    for group in options.list:
        name, _separator, members = group.partition("=")
        lines = "".join(f"/bin/{member}\n" for member in members.split(","))
        writer.add_file(f"etc/tests/{name}", lines.encode(), 0o644)
    for path in options.script:
        writer.add_file(f"etc/tests/{os.path.basename(path)}", read(path), 0o755)
    with open(options.output, "wb") as file:
        file.write(writer.bytes())


if __name__ == "__main__":
    main()
