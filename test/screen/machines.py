"""Machines with a display that run: keys go in, what the screen shows comes out."""

import argparse
import os
import re
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, ROOT)
sys.dont_write_bytecode = True

from esp.boot import Boot, Run  # noqa: E402
from esp.machine import Machine  # noqa: E402
from keyboard import Keyboard  # noqa: E402
from monitor import Monitor  # noqa: E402
from picture import Screen, read_ppm, write_png  # noqa: E402

PATIENCE = 20
BOOT_PATIENCE = 60
LOOK_TIME = 0.1
PROMPT = r"^/ #(?: *$|  )"  # nothing typed yet, perhaps the viewer beside it


class Failed(AssertionError):
    """What a test found wrong."""


def check(condition, what: str) -> None:
    if not condition:
        raise Failed(what)


def until(condition) -> None:
    """Look until it is so, or for as long as a busy host may take; the caller says what is wrong then."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(LOOK_TIME)


class ShownMachine:
    """A machine of `width` by `height` pixels."""

    def __init__(self, options: argparse.Namespace, words: str, width: int, height: int, cpus: int = 1,
                 archive: bytes | None = None, deterministic: bool = False):
        self._options = options
        self.size = width, height
        display = f"VGA,edid=on,xres={width},yres={height},vgamem_mb=64"
        self._machine = Machine(cpus=cpus, deterministic=deterministic, display=["-device", display])
        image = os.path.join(options.build, "esp.img")
        self._run = Run(Boot(self._machine, image, words, archive))

    def __enter__(self) -> "ShownMachine":
        self._run.__enter__()
        socket = os.path.join(self._run.folder, "monitor")
        trace = os.path.join(self._run.folder, "keyboard")
        self._machine.extra += ["-qmp", f"unix:{socket},server=on,wait=off", *Keyboard.arguments(trace)]
        self._run.start()
        self.keyboard = Keyboard(trace)
        self.monitor = Monitor(socket, self.keyboard)
        return self

    def __exit__(self, *exception) -> None:
        self._run.__exit__(*exception)

    def screen(self) -> Screen:
        path = os.path.join(self._run.folder, "screen.ppm")
        self.monitor.picture(path)
        return Screen(read_ppm(path), self._options.font)

    def keep(self, name: str) -> None:
        """Keep a picture of the screen for people."""
        if self._options.pictures:
            path = os.path.join(self._run.folder, "screen.ppm")
            self.monitor.picture(path)
            write_png(read_ppm(path), os.path.join(self._options.pictures, f"{name}.png"))

    def log(self) -> str:
        with open(self._run.log, errors="replace") as file:
            return file.read().replace("\r", "")

    def wait(self, pattern: str, seconds: float = PATIENCE) -> str:
        """Wait until the screen's text matches; the text."""
        deadline = time.monotonic() + seconds
        text = ""
        while time.monotonic() < deadline:
            try:
                text = self.screen().text()
            except ValueError:
                text = ""  # the display changes its mode
            if re.search(pattern, text, re.MULTILINE):
                return text
            time.sleep(LOOK_TIME)
        raise Failed(f"the screen never showed {pattern!r}; it shows:\n{text}")

    def wait_gone(self, pattern: str, seconds: float = PATIENCE) -> str:
        deadline = time.monotonic() + seconds
        text = self.screen().text()
        while re.search(pattern, text, re.MULTILINE):
            if time.monotonic() > deadline:
                raise Failed(f"the screen still shows {pattern!r}:\n{text}")
            time.sleep(LOOK_TIME)
            text = self.screen().text()
        return text

    def command(self, line: str, pattern: str = PROMPT) -> str:
        """Type a command to the shell and wait for what the screen then shows."""
        self.monitor.type(line + "\n")
        return self.wait(pattern)

    def clear(self) -> None:
        """An empty screen and a prompt. Not by `clear`: busybox then asks where the cursor is, takes the
        answer ESC [ 1 ; 5 R for the beginning of Ctrl-arrow, and what is typed soon after for its rest."""
        self.monitor.key("ctrl-c")
        self.monitor.key("ctrl-l")
        self.wait(r"\A/ # ?\n*\Z")
