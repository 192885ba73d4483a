"""`./quire run` and `./quire gdb` open a window: read from an X server without a display (Xvfb), which keeps
its picture in a file.

usage: window.py BUILD"""

import os
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

from machines import ROOT  # noqa: E402
from picture import Picture, Screen, read_font  # noqa: E402

PATIENCE = 60
WIDTH, HEIGHT = 1280, 800  # the machine's display
COMMANDS = (["run"], ["gdb", "--gdb=-batch", "--gdb=-ex", "--gdb=continue"])
MENU_MAX = 60  # lines of pixels above it


def read_xwd(path: str) -> Picture:
    """The X server's picture: a header of 32-bit words (X11/XWDFile.h), colours, and pixels of 32 bits, blue
    first."""
    with open(path, "rb") as file:
        data = file.read()
    header = struct.unpack(">25I", data[:100])
    size, width, height, line, colours = header[0], header[4], header[5], header[12], header[19]
    start = size + colours * 12
    pixels = bytearray(width * height * 3)
    for y in range(height):
        row = data[start + y * line:start + y * line + width * 4]
        for channel in range(3):
            pixels[y * width * 3 + channel:(y + 1) * width * 3:3] = row[2 - channel::4]
    return Picture(width, height, bytes(pixels))


def text_in(picture: Picture, font: dict[bytes, str]) -> str:
    """The machine's screen somewhere below the window's menu; empty: it is not there."""
    for top in range(MENU_MAX):
        rows = [picture.pixels[(top + y) * picture.width * 3:(top + y) * picture.width * 3 + WIDTH * 3]
                for y in range(HEIGHT)]
        screen = Screen(Picture(WIDTH, HEIGHT, b"".join(rows)), font)
        if screen.row(0).startswith("["):
            return screen.text()
    return ""


def shows_shell(command: list[str], build: str, font: dict[bytes, str]) -> bool:
    """Run the command with a display of its own: does the shell come up on the display?"""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "1400x1000x24",
                                   "-fbdir", folder, "-nolisten", "tcp"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        number = server.stdout.readline().decode().strip()
        environment = {**os.environ, "DISPLAY": f":{number}", "QUIRE_NO_BUILD": "1",
                       "QUIRE_BUILD": os.path.abspath(build)}
        environment.pop("WAYLAND_DISPLAY", None)
        machine = subprocess.Popen([os.path.join(ROOT, "quire"), *command, "--log", f"{folder}/log.txt",
                                    "--append", "-- /bin/busybox sh"], env=environment,
                                   stdin=subprocess.DEVNULL)
        text, deadline = "", time.monotonic() + PATIENCE
        while "built-in shell" not in text and time.monotonic() < deadline:
            time.sleep(1)
            text = text_in(read_xwd(os.path.join(folder, "Xvfb_screen0")), font)
        machine.terminate()
        machine.wait()
        server.terminate()
        server.wait()
    if "built-in shell" in text:
        return True
    print(f"the window of {command[0]} shows:\n{text}")
    return False


def main() -> int:
    build = sys.argv[1]
    font = read_font(os.path.join(build, "kernel/device/font.psf"))
    shown = [shows_shell(command, build, font) for command in COMMANDS]
    print(f"{shown.count(True)} passed, {shown.count(False)} failed")
    return 0 if all(shown) else 1


if __name__ == "__main__":
    sys.exit(main())
