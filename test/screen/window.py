"""`./quire run` opens a window: read from an X server without a display (Xvfb), which keeps its picture in
a file.

usage: window.py BUILD

Skipped (status 77) where there is no Xvfb, or QEMU was installed without windows."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

from machines import ROOT  # noqa: E402
from picture import Picture, Screen, read_font  # noqa: E402

SKIPPED = 77
PATIENCE = 60
WIDTH, HEIGHT = 1280, 800  # the machine's display
MENU_MAX = 60  # lines of pixels above it


def window_possible() -> bool:
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None or shutil.which("Xvfb") is None:
        return False
    known = subprocess.run([qemu, "-display", "help"], capture_output=True, text=True).stdout.split()
    return "gtk" in known or "sdl" in known


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


def main() -> int:
    if not window_possible():
        return SKIPPED
    font = read_font(os.path.join(sys.argv[1], "kernel/device/font.psf"))
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "1400x1000x24",
                                   "-fbdir", folder, "-nolisten", "tcp"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        number = server.stdout.readline().decode().strip()
        environment = {**os.environ, "DISPLAY": f":{number}", "QUIRE_NO_BUILD": "1",
                       "QUIRE_BUILD": os.path.abspath(sys.argv[1])}
        environment.pop("WAYLAND_DISPLAY", None)
        log = os.path.join(folder, "log.txt")
        machine = subprocess.Popen([os.path.join(ROOT, "quire"), "run", "--timeout", "90", "--log", log,
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
    good = "built-in shell" in text
    print("1 passed, 0 failed" if good else f"the window shows:\n{text}\n0 passed, 1 failed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
