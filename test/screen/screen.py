"""What is on the screen when someone sits before it: boots with a display, types, and reads the picture.

usage: screen.py --build BUILD [--pictures FOLDER] [TEST...]

The last line is "N passed, M failed"."""

import argparse
import os
import re
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, ROOT)
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

from esp.boot import Boot, Run  # noqa: E402
from esp.machine import Machine  # noqa: E402
from monitor import Monitor  # noqa: E402
from picture import Screen, read_font, read_ppm, write_png  # noqa: E402

PATIENCE = 60
SHELL = "-- /bin/busybox sh"


class Machined:
    """A machine with a display that runs, and what it shows."""

    def __init__(self, options: argparse.Namespace, words: str, display: str = "VGA", name: str = ""):
        self._options, self._name = options, name
        machine = Machine(deterministic=False, display=["-device", display])
        self._run = Run(Boot(machine, os.path.join(options.build, "esp.img"), words))
        self._machine = machine

    def __enter__(self) -> "Machined":
        self._run.__enter__()
        socket = os.path.join(self._run.folder, "monitor")
        self._machine.extra += ["-qmp", f"unix:{socket},server=on,wait=off"]
        self._run.start()
        self.monitor = Monitor(socket)
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
            time.sleep(0.2)
        raise AssertionError(f"the screen never showed {pattern!r}; it shows:\n{text}")


def check(condition, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def resolutions(options: argparse.Namespace) -> None:
    """The same text at every size, larger where there is room."""
    for width, height, columns, rows in ((640, 480, 80, 30), (1024, 768, 128, 48), (1920, 1080, 240, 67)):
        display = f"VGA,edid=on,xres={width},yres={height},vgamem_mb=64"
        with Machined(options, SHELL, display) as machine:
            text = machine.wait(r"^/ #")
            screen = machine.screen()
            found = re.search(r"screen: (\d+)x(\d+) pixels of 32 bits, (\d+)x(\d+) characters",
                              text.replace("\n", ""))
            check(found, f"{width}x{height}: the boot's first line is there:\n{text}")
            check((int(found[3]), int(found[4])) == (screen.columns, screen.rows),
                  f"{width}x{height}: {found[0]}, but the picture holds {screen.columns}x{screen.rows}")


def typing(options: argparse.Namespace) -> None:
    with Machined(options, SHELL) as machine:
        machine.wait(r"^/ #")
        machine.monitor.type("echo Hello, $((6*7))\n")
        machine.wait(r"^Hello, 42$")
        machine.monitor.type("echo wrong")
        machine.monitor.key("backspace")
        machine.monitor.type("X; printf '\\033[31;44mred\\033[m'\n")
        text = machine.wait(r"^wronX")
        row = next(i for i, line in enumerate(text.split("\n")) if line.startswith("red"))
        cell = machine.screen().cell(row, 0)
        check(cell.foreground == (0xAA, 0, 0) and cell.background == (0, 0, 0xAA), f"red on blue, not {cell}")
        machine.monitor.type("sleep 100\n")
        machine.monitor.key("ctrl-c")
        machine.monitor.type("echo back\n")
        machine.wait(r"^back$")


def layout(options: argparse.Namespace) -> None:
    with Machined(options, f"keymap=de {SHELL}") as machine:
        machine.wait(r"^/ #")
        machine.monitor.type("echo y")
        for key in ("bracket_left", "apostrophe", "semicolon", "minus"):
            machine.monitor.key(key)
        machine.monitor.key("ret")
        machine.wait("^z\u00fc\u00e4\u00f6\u00df$")


def history(options: argparse.Namespace) -> None:
    with Machined(options, SHELL) as machine:
        machine.wait(r"^/ #")
        machine.monitor.type("for i in $(seq 200); do echo line-$i; done\n")
        text = machine.wait(r"^line-200$")
        check("line-101\n" not in text, "what scrolled off is not seen")
        for _ in range(4):
            machine.monitor.key("shift-pgup")
        machine.wait(r"^line-101$")
        machine.monitor.key("shift-pgdn")
        for _ in range(4):
            machine.monitor.key("shift-pgdn")
        machine.wait(r"^line-200$")


def terminals(options: argparse.Namespace) -> None:
    """The log, the viewer and the shell, by Alt and a function key."""
    with Machined(options, SHELL) as machine:
        machine.wait(r"^/ #")
        machine.monitor.type("echo on the shell\n")
        machine.wait(r"^on the shell$")
        machine.monitor.key("alt-f2")
        text = machine.wait(r"clock: TSC")
        check("on the shell" not in text, "the log's terminal shows the log alone")
        machine.monitor.key("alt-sysrq-m")
        machine.wait(r"memory: \d+ pages of \d+ free")
        machine.monitor.key("alt-sysrq-c")
        machine.wait(r"memory check: 0 violations")
        machine.keep("log")
        machine.monitor.key("alt-f3")
        machine.wait(r"PHYSICAL MEMORY +@\d+")
        machine.keep("viewer")
        machine.monitor.type("p")
        machine.wait(r"PHYSICAL MEMORY, 4 KiB A CELL, BY owner")
        machine.keep("viewer-physical")
        machine.monitor.type("l")
        machine.wait(r"BY permission")
        machine.keep("viewer-permission")
        machine.monitor.type("p")
        machine.wait(r"PROCESSES: 1")
        machine.keep("viewer-processes")
        machine.monitor.type(" ")
        machine.monitor.key("alt-f1")
        machine.wait(r"^on the shell$")


def viewer(options: argparse.Namespace) -> None:
    """WeensyOS's page beside the shell: letters, and reverse video for what user mode may use."""
    with Machined(options, f"viewer=split {SHELL}") as machine:
        machine.wait(r"^/ #")
        machine.monitor.type("sleep 60 &\n")
        text = machine.wait(r"VIRTUAL ADDRESS SPACE FOR 2 \(busybox\)")
        machine.keep("split")
        row = next(i for i, line in enumerate(text.split("\n")) if "0x400000" in line)
        screen = machine.screen()
        column = screen.row(row).index("0x400000") + 9
        cell = screen.cell(row, column)
        check(cell.character in "12" and cell.foreground == (0, 0, 0),
              f"the first page in reverse, not {cell}")
        check(re.search(r"[12]{8}", text), "pages of processes")


def full_screen(options: argparse.Namespace) -> None:
    """vi, less and top."""
    with Machined(options, f"env.TERM=linux {SHELL}") as machine:
        machine.wait(r"^/ #")
        machine.monitor.type("vi /tmp/a\n")
        machine.wait(r"^- /tmp/a .*1/1")
        machine.monitor.type("ihello\nworld\x1b")
        machine.wait(r"^world$")
        machine.keep("vi")
        machine.monitor.type(":wq\n")
        machine.monitor.type("cat /tmp/a /tmp/a\n")
        machine.wait(r"^hello\nworld\nhello\nworld")
        machine.monitor.type("seq 500 > /tmp/b; less /tmp/b\n")
        machine.wait(r"^/tmp/b|\(END\)|^1\n2\n3")
        machine.monitor.key("pgdn")
        machine.wait(r"^50\n51")
        machine.monitor.type("q")
        machine.wait(r"^/ # $|^/ #$")


def fault(options: argparse.Namespace) -> None:
    """A panic is seen on the screen, whatever was shown before."""
    with Machined(options, SHELL) as machine:
        machine.wait(r"^/ #")
        machine.monitor.key("alt-f3")
        machine.wait(r"PHYSICAL MEMORY")
        machine.monitor.key("alt-sysrq-x")
        machine.wait(r"quire: panic: asked for by Alt-SysRq-x")
        machine.keep("panic")


TESTS = [resolutions, typing, layout, history, terminals, viewer, full_screen, fault]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--pictures")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    options.font = read_font(os.path.join(options.build, "kernel/device/font.psf"))
    if options.pictures:
        os.makedirs(options.pictures, exist_ok=True)
    passed = failed = 0
    for test in TESTS:
        if options.tests and test.__name__ not in options.tests:
            continue
        try:
            test(options)
            passed += 1
            print(f"ok {test.__name__}", flush=True)
        except AssertionError as error:
            failed += 1
            print(f"not ok {test.__name__}: {error}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
