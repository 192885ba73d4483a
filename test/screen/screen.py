"""What is on the screen when someone sits before it: boots with a display, types, and reads the picture.

usage: screen.py --build BUILD [--pictures FOLDER] [--group GROUP] [TEST...]

Each group of tests has one machine, of its own size. The last line is "N passed, M failed"."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

from machines import BOOT_PATIENCE, PROMPT, ROOT, Failed, ShownMachine, check, until  # noqa: E402
from picture import read_font  # noqa: E402

sys.path.insert(0, ROOT)

import conformance  # noqa: E402
import viewing  # noqa: E402

SCROLL_LIGHT, NUM_LIGHT, CAPS_LIGHT = 1, 2, 4
SHELL = "-- /bin/busybox sh"


def size_fits(machine: ShownMachine) -> None:
    """The grid is as large as the picture has room for, glyphs larger on dense panels."""
    text = machine.wait(PROMPT)
    screen = machine.screen()
    found = re.search(r"screen: (\d+)x(\d+) pixels of 32 bits, (\d+)x(\d+) characters", machine.log())
    check(found, f"the log tells the screen's size:\n{text}")
    check((int(found[1]), int(found[2])) == machine.size, f"{found[0]}, but the display is {machine.size}")
    check((int(found[3]), int(found[4])) == (screen.columns, screen.rows),
          f"{found[0]}, but the picture holds {screen.columns}x{screen.rows}")


# A shell


def interrupt(machine: ShownMachine) -> None:
    """Ctrl-C ends what is in the foreground: once it says so, for until then that is the shell itself."""
    machine.command("sh -c 'echo begun; exec sleep 100'", "^begun$")
    machine.monitor.key("ctrl-c")


def typing(machine: ShownMachine) -> None:
    machine.command("echo Hello, $((6*7))", r"^Hello, 42$")
    machine.monitor.type("echo wrong")
    machine.monitor.key("backspace")
    machine.monitor.type("X; printf '\\033[31;44mred\\033[m'\n")
    text = machine.wait(r"^wronX\nred")
    row = next(i for i, line in enumerate(text.split("\n")) if line.startswith("red"))
    cell = machine.screen().cell(row, 0)
    check(cell.foreground == (0xAA, 0, 0) and cell.background == (0, 0, 0xAA), f"red on blue, not {cell}")
    interrupt(machine)
    machine.command("echo back", r"^back$")


def history(machine: ShownMachine) -> None:
    text = machine.command("for i in $(seq 200); do echo line-$i; done", r"^line-200$")
    check("line-101\n" not in text, "what scrolled off is not seen")
    rows = machine.screen().rows
    for step in (1, 2):  # half a screen each; two more lines are the prompt's
        machine.monitor.key("shift-pgup")
        machine.wait(rf"^line-{200 + 1 - rows // 2 * step}\Z")
    machine.monitor.key("shift-pgdn")
    machine.wait(rf"^line-{200 + 1 - rows // 2}\Z")
    machine.monitor.type("#")  # typing goes back to the present
    machine.wait(r"^line-200\n/ # #$")
    machine.monitor.key("backspace")


def terminals(machine: ShownMachine) -> None:
    """Log and second shell, by Alt and a function key; what is typed goes to the terminal that is shown."""
    machine.clear()
    machine.command("echo on the first", r"^on the first$")
    machine.monitor.key("alt-f2")
    text = machine.wait(r"clock: TSC")
    check("on the first" not in text, "the log's terminal shows the log alone")
    machine.monitor.type("nobody reads this\n")
    machine.keep("log")
    machine.monitor.key("alt-f4")
    machine.wait(PROMPT)
    machine.command("echo on the second; tty", r"^on the second\n/dev/tty4$")
    interrupt(machine)
    machine.command("echo still here", r"^still here$")
    machine.keep("second-shell")
    machine.monitor.key("alt-f1")
    text = machine.wait(r"^on the first$")
    check("second" not in text and "nobody" not in text, "each terminal has its own text")
    machine.command("echo first still here", r"^first still here$")
    machine.monitor.key("alt-f4")
    machine.command("exit", r"^\[the shell has ended: Enter starts another\]$")
    machine.monitor.key("ret")
    machine.command("echo another", r"^another$")
    machine.monitor.key("alt-f1")
    machine.wait(r"^first still here$")


def hang_up(machine: ShownMachine) -> None:
    """When the second shell ends, what it had in the foreground hears of it and ends, too; another begins."""
    machine.monitor.key("alt-f4")
    machine.clear()
    shell = re.search(r"^shell-(\d+)$", machine.command("echo shell-$$", r"^shell-\d+$"), re.MULTILINE)[1]
    machine.command("sh -c 'echo begun; exec sleep 1000'", "^begun$")
    machine.monitor.key("alt-f1")
    machine.command(f"kill -9 {shell}; while ps | grep -q 'sleep 100[0]'; do :; done; echo none", "^none$")
    machine.monitor.key("alt-f4")
    machine.wait(r"^\[the shell has ended: Enter starts another\]$")
    machine.monitor.key("ret")
    machine.command("echo one more", r"^one more$")
    machine.monitor.key("alt-f1")


def fault_report(machine: ShownMachine) -> None:
    """What ended a program is told on the screen, as on the serial line."""
    machine.clear()
    text = machine.command("attack-null", "^attack-null: ok")
    for part in (r"attack-null \(\d+\): #PF page fault at 0x[0-9a-f]+, error code",
                 r"  walk of 0x[0-9a-f]+ for a user ", r"  level \d: .* <- ",
                 "  the processor would allow it if ", "  legal if: ", "  rip [0-9a-f]{16}  rflags",
                 "  #0 0x"):
        for where, said in (("screen", text), ("log", machine.log())):
            check(re.search(part, said), f"the {where} says {part}:\n{text}")
    machine.keep("fault")


def magic_keys(machine: ShownMachine) -> None:
    machine.monitor.key("alt-sysrq-l")
    machine.monitor.key("alt-sysrq-h")
    machine.wait(r"Alt-SysRq: p processes")
    machine.monitor.key("alt-sysrq-p")
    machine.wait(r" 1  parent +0  threads 1  busybox")
    machine.monitor.key("alt-sysrq-m")
    machine.wait(r"memory: \d+ pages of \d+ free")
    machine.monitor.key("alt-sysrq-c")
    machine.wait(r"memory check: 0 violations")
    machine.monitor.key("alt-f1")
    machine.wait(PROMPT)


def restart(machine: ShownMachine) -> None:
    machine.monitor.key("ctrl-alt-delete", read=False)
    deadline = time.monotonic() + 20
    while "restart: Ctrl-Alt-Del" not in machine.log() and time.monotonic() < deadline:
        time.sleep(0.1)
    check("restart: Ctrl-Alt-Del" in machine.log(), "the machine restarts by Ctrl-Alt-Del")


# Keyboards

# What differs between keyboards; no quotes, so that a shell takes all of it in quotes.
TELLING_KEYS = ["backslash", "shift-3", "less", "shift-less", "shift-grave_accent", "shift-apostrophe"]


def typed(machine: ShownMachine, keys: list[str], wanted: str) -> None:
    """These keys in single quotes, which are a command's argument that is shown."""
    german = wanted.startswith("#\u00a7")
    quote = "shift-backslash" if german else "apostrophe"
    machine.monitor.type("echo ")
    for key in [quote, *keys, quote, "ret"]:
        machine.monitor.key(key)
    machine.wait(f"^{re.escape(wanted)}$")


def layout_us(machine: ShownMachine) -> None:
    typed(machine, TELLING_KEYS + ["shift-2"], '\\#\\|~"@')


def layout_uk(machine: ShownMachine) -> None:
    typed(machine, TELLING_KEYS + ["shift-2", "alt_r-4", "alt_r-a"], '#\u00a3\\|\u00ac@"\u20ac\u00e1')


def locks(machine: ShownMachine) -> None:
    """Caps, Num and Scroll Lock: what is typed, and the lights, which QEMU's keyboard is told of."""

    def lights() -> int:
        machine.keyboard.look()
        return machine.keyboard.lights[-1]

    check(lights() == NUM_LIGHT, f"Num Lock alone is on at first: {machine.keyboard.lights}")
    machine.monitor.type("echo ")
    for key, light, typed_keys in (("caps_lock", CAPS_LIGHT, "abC"), ("num_lock", NUM_LIGHT, None),
                                   ("scroll_lock", SCROLL_LIGHT, "d")):
        before = lights()
        machine.monitor.key(key)
        until(lambda: lights() == before ^ light)
        check(lights() == before ^ light, f"{key} changes its light: {machine.keyboard.lights}")
        if typed_keys is not None:
            machine.monitor.type(typed_keys)
        else:
            machine.monitor.key("kp_4")  # to the left
        machine.monitor.key(key)
        until(lambda: lights() == before)
        check(lights() == before, f"{key} changes it back: {machine.keyboard.lights}")
        machine.monitor.key("kp_7")
    machine.monitor.key("ret")
    # A B c 7, left, 7 before the first 7, d, 7
    machine.wait("^ABc7d77$")


# Programs that take the whole screen


def vi(machine: ShownMachine) -> None:
    machine.clear()
    machine.monitor.type("vi /tmp/a\n")
    machine.wait(r"^- /tmp/a .*1/1")
    machine.monitor.type("ihello\nwide world")
    machine.wait(r"^hello\nwide world\n~")
    machine.monitor.key("esc")
    machine.wait(r"^- /tmp/a \[Modified\]")  # or vi takes it and the next key for one
    machine.monitor.type("kx")
    machine.wait(r"^hell\nwide world\n~")
    machine.monitor.type("yyp:s/hell/help/\n")
    machine.wait(r"^hell\nhelp\nwide world\n~")
    machine.keep("vi")
    machine.monitor.type("ZZ")
    machine.wait(PROMPT)
    machine.command("cat /tmp/a /tmp/a", r"^hell\nhelp\nwide world\nhell\nhelp\nwide world")


def less(machine: ShownMachine) -> None:
    rows = machine.screen().rows
    machine.clear()
    machine.monitor.type("seq 500 > /tmp/b; less /tmp/b\n")
    machine.wait(rf"\A1\n2\n3\n(\d+\n)*{rows - 1}\n")
    machine.monitor.key("pgdn")
    machine.wait(rf"\A{rows}\n{rows + 1}\n")
    machine.monitor.key("up")
    machine.wait(rf"\A{rows - 1}\n{rows}\n")
    machine.monitor.type("/^321\n")
    machine.wait(r"\A321\n322\n")
    machine.keep("less")
    machine.monitor.type("q")
    machine.wait(PROMPT)


def top(machine: ShownMachine) -> None:
    machine.monitor.type("top\n")
    machine.wait(r"^\s*PID\s+PPID\s+USER.*\n(.*\n)*\s*1\s+0\s+\S+.*busybox sh")
    machine.monitor.type("q")
    machine.wait(PROMPT)


# Dense panels


def layout_de(machine: ShownMachine) -> None:
    """A German keyboard: z and y change places, umlauts, and accents that wait for their letter."""
    machine.monitor.type("echo y")
    for key in ("bracket_left", "apostrophe", "semicolon", "minus"):
        machine.monitor.key(key)
    machine.monitor.type("=e")
    machine.monitor.key("ret")
    machine.wait("^z\u00fc\u00e4\u00f6\u00df\u00e9$")
    typed(machine, TELLING_KEYS[:-1] + ["alt_r-q", "alt_r-e", "alt_r-less"], "#\u00a7<>\u00b0@\u20ac|")


def scroll_cost(machine: ShownMachine) -> None:
    """However much text goes by, no picture costs more than one write of the screen."""

    def sent() -> dict[str, int]:
        machine.monitor.type("cat ")
        machine.monitor.key("shift-7")  # where / is on this keyboard
        text = "proc", "sys", "quire", "screen"
        for index, word in enumerate(text):
            machine.monitor.type(word.translate(str.maketrans("yz", "zy")))
            machine.monitor.key("shift-7" if index < len(text) - 1 else "ret")
        shown = machine.wait(r"^bytes \d+$")
        return {name: int(number) for name, number in re.findall(r"^(\w+) (\d+)$", shown, re.MULTILINE)}

    machine.clear()
    before = sent()
    machine.clear()
    machine.monitor.type("seq 3000")
    machine.monitor.key("ret")
    machine.wait(r"^3000$")
    machine.clear()
    after = sent()
    pictures, cells = after["pictures"] - before["pictures"], after["cells"] - before["cells"]
    whole = before["rows"] * before["columns"]
    check(0 < pictures and cells <= pictures * whole,
          f"{cells} cells in {pictures} pictures of {whole} cells")
    check(cells < 60 * whole, f"3000 lines cost {cells / whole:.1f} writes of the screen")


# Several processors


def loud_processors(machine: ShownMachine) -> None:
    """All CPUs write to the log and to the screen at once: every line is whole and comes once."""
    machine.monitor.type("for c in a b c d; do (for i in $(seq 50); do echo log-$c-$i-end > /dev/kmsg; "
                         "echo text-$c-$i-end; done) & done\n")
    deadline = time.monotonic() + 20
    while machine.log().count("-50-end\n") < 8 and time.monotonic() < deadline:
        time.sleep(0.1)
    for name in "abcd":
        lines = re.findall(rf"\] log-{name}-(\d+)-end\n", machine.log())
        check(lines == [str(i) for i in range(1, 51)], f"lines of {name} in the log: {lines}")
    machine.monitor.key("alt-f2")
    machine.wait_gone("PHYSICAL MEMORY")
    text = machine.wait(r"log-[abcd]-50-end")
    broken = [line for line in text.split("\n") if "log-" in line
              and not re.fullmatch(r"\[ *\d+\.\d+\] log-[abcd]-\d+-end", line)]
    check(not broken, f"lines are whole: {broken}")
    machine.monitor.key("alt-f1")


def panic_while_drawing(machine: ShownMachine) -> None:
    """One CPU ends the machine while others write, and one draws the viewer: the report is on the screen."""
    machine.monitor.key("alt-f1")
    machine.monitor.type("for c in a b c; do (while true; do echo $c$c$c$c$c$c$c$c; done) & done\n")
    machine.wait(r"aaaaaaaa|bbbbbbbb|cccccccc")
    machine.monitor.key("alt-f3")
    machine.wait(r"PHYSICAL MEMORY")
    machine.monitor.key("alt-sysrq-x", read=False)
    text = machine.wait(r"quire: panic: asked for by Alt-SysRq-x")
    check(re.search(r"panic on CPU \d+: asked for", text), "it begins on the screen")
    check("backtrace:" in text, "and has a backtrace")
    machine.keep("panic")


@dataclass
class Group:
    """One machine and what is tried on it."""

    name: str
    width: int
    height: int
    words: str
    tests: list[Callable[[ShownMachine], None]]
    cpus: int = 1
    deterministic: bool = False


GROUPS = [
    Group("shell", 1920, 1080, SHELL, [size_fits, locks, layout_us, typing, history, terminals, hang_up,
                                      fault_report, magic_keys, restart]),
    Group("programs", 640, 480, f"keymap=uk {SHELL}",
          [size_fits, layout_uk, conformance.sequences, vi, less, top]),
    Group("viewer", 1024, 768, SHELL, [viewing.pages, viewing.lenses, viewing.zoom, viewing.moving,
                                       viewing.freezing, viewing.differences, viewing.palette,
                                       viewing.next_process]),
    Group("cost", 1024, 768, SHELL, [viewing.costs_nothing], deterministic=True),
    Group("dense", 3840, 2160, f"mode=3840x2160 keymap=de {SHELL}", [size_fits, layout_de, scroll_cost]),
    Group("processors", 1280, 800, f"viewer=split {SHELL}",
          [size_fits, viewing.split, loud_processors, panic_while_drawing], cpus=4),
]


def run(test: Callable[[ShownMachine], None], machine: ShownMachine, name: str) -> bool:
    began = time.monotonic()
    try:
        test(machine)
    except Failed as error:
        print(f"not ok {name}: {error}", flush=True)
        return False
    print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--pictures")
    parser.add_argument("--group", action="append")
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    options.font = read_font(os.path.join(options.build, "kernel/device/font.psf"))
    if options.pictures:
        os.makedirs(options.pictures, exist_ok=True)
    results = []
    for group in GROUPS:
        tests = [test for test in group.tests if not options.tests or test.__name__ in options.tests]
        if not tests or (options.group and group.name not in options.group):
            continue
        archive = conformance.archive() if conformance.sequences in tests else None
        with ShownMachine(options, group.words, group.width, group.height, group.cpus, archive,
                          group.deterministic) as machine:
            try:
                machine.wait(PROMPT, BOOT_PATIENCE)
            except Failed as error:
                print(f"not ok {group.name}: {error}")
                results += [False] * len(tests)
                continue
            results += [run(test, machine, f"{group.name}: {test.__name__}") for test in tests]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
