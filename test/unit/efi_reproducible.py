#!/usr/bin/env python3
"""The loader is the same, byte for byte, wherever it is built: build it from a copy of the tree at another
path, and compare."""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile


def run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="of the sources")
    parser.add_argument("--image", required=True, help="the loader as built")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quire-elsewhere-") as folder:
        root, build = os.path.join(folder, "a/longer/path"), os.path.join(folder, "b")
        left_out = shutil.ignore_patterns("build", "build-*", ".git", "__pycache__")
        shutil.copytree(options.root, root, symlinks=True, ignore=left_out)
        run("meson", "setup", build, root)
        name = os.path.basename(options.image)
        run("ninja", "-C", build, f"efi/{name}")
        again = os.path.join(build, "efi", name)
        if not filecmp.cmp(options.image, again, shallow=False):
            sys.exit(f"{options.image} and a second build elsewhere differ")
        with open(again, "rb") as file:
            image = file.read()
        for path in (root, build, options.root):
            if path.encode() in image:
                sys.exit(f"{name} names the path {path}")
        print(f"{name}: {len(image)} bytes, the same twice")


if __name__ == "__main__":
    main()
