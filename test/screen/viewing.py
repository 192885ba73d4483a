"""The memory viewer on the screen: its pages, lenses and keys."""

import re
import time

from machines import PROMPT, ShownMachine, check, until
from picture import Cell, Screen

GREY = (0x55, 0x55, 0x55)
MAGENTA, SAFE_MAGENTA = (0xFF, 0x55, 0xFF), (0xF0, 0xA8, 0xD0)
FIRST_ROW, FIRST_COLUMN = 1, 12


def split(machine: ShownMachine) -> None:
    """WeensyOS's page beside the shell: letters, and reverse video for what user mode may use."""
    machine.monitor.type("(while :; do sleep 1000; done) &\n")  # a copy of the shell, which shares its pages
    text = machine.wait(r"VIRTUAL ADDRESS SPACE FOR 2 \(busybox\)")
    machine.keep("split")
    row = next(i for i, line in enumerate(text.split("\n")) if "0x400000" in line)
    screen = machine.screen()
    column = screen.row(row).index("0x400000") + 9
    cell = screen.cell(row, column)
    check(cell.character in "12S" and cell.background != (0, 0, 0),
          f"the first page in reverse, not {cell}")
    check("S" in text[text.index("VIRTUAL ADDRESS"):].split("free K kernel")[0], "shared pages")
    check(re.search(PROMPT, text, re.MULTILINE) or "/ #" in text, "and the shell beside it")


def costs_nothing(machine: ShownMachine) -> None:
    """Never shown, and shown and hidden again: it gathers nothing, and what programs do costs the same. Time
    goes by instructions here; the least of several runs, for addresses are random, and with them how many
    tables a process has."""

    def run() -> tuple[int, set[int]]:
        machine.clear()
        machine.monitor.type("cat /proc/sys/quire/viewer; for i in 1 2 3 4 5 6 7 8; do view-cost; done; "
                             "cat /proc/sys/quire/viewer\n")
        text = machine.wait(r"^ticks \d+\nseen 0\npictures \d+$", 60)
        ticks = [int(number) for number in re.findall(r"^ticks (\d+)$", text, re.MULTILINE)]
        return min(ticks), set(re.findall(r"^pictures \d+$", text, re.MULTILINE))

    run()  # what is loaded and made once
    never, pictures = run()
    check(pictures == {"pictures 0"}, f"nothing is gathered before it is shown: {pictures}")
    machine.monitor.key("alt-f3")
    machine.wait(r"PHYSICAL MEMORY +@\d+")
    next_picture(machine)
    machine.monitor.key("alt-f2")
    machine.wait("clock: TSC")
    machine.monitor.key("alt-f1")
    hidden, pictures = run()
    check(len(pictures) == 1 and pictures != {"pictures 0"},
          f"it gathered, but none while hidden: {pictures}")
    check(abs(hidden - never) <= never // 100, f"{hidden} ticks after it was shown, {never} before")


def pages(machine: ShownMachine) -> None:
    machine.monitor.type("(while :; do sleep 1000; done) &\n")
    machine.wait(r"done\) &\n/ #")
    machine.monitor.key("alt-f3")
    machine.wait(r"^ {20,}PHYSICAL MEMORY +@\d+")
    machine.keep("viewer")
    machine.monitor.type("p")
    machine.wait(r"PHYSICAL MEMORY, 4 KiB A CELL, BY owner")
    machine.keep("viewer-physical")
    machine.monitor.type("p")
    text = machine.wait(r"PROCESSES: 3")
    check(re.search(r"r-xp\b.*\bfile\b|r-xp .*", text) and "[stack]" in text, "regions are listed")
    machine.keep("viewer-processes")
    machine.monitor.type("p")
    machine.wait(r"PHYSICAL MEMORY +@\d+")


def cells(screen: Screen) -> list[Cell]:
    """Of WeensyOS's page: 512 pages of physical memory."""
    return [screen.cell(FIRST_ROW + i // 64, FIRST_COLUMN + i % 64) for i in range(512)]


def moment(machine: ShownMachine) -> int:
    """When the picture that is shown was gathered, by the machine's time."""
    return int(re.search(r"PHYSICAL MEMORY +@(\d+)", machine.screen().text())[1])


def next_picture(machine: ShownMachine) -> None:
    now = moment(machine)
    until(lambda: moment(machine) != now)


def lenses(machine: ShownMachine) -> None:
    """Every lens has its letters, and says what they mean."""
    for legend, letters in ((r"^\. none  r read  w write  x execute", ".rwxRWX-"),
                            (r"^\. not mapped  1-9 \+ mappings  W copied", ".123456789+WS0"),
                            (r"^\. not mapped  D dirty  A accessed", ".DAc"),
                            (r"^\. not mapped  4 4 KiB  H 2 MiB", ".4HG"),
                            (r"^\. no table  1-5 level", ".12345"),
                            (r"^\. free K kernel R reserved", None)):
        machine.monitor.type("l")
        machine.wait(legend)
        used = {cell.character for cell in cells(machine.screen())}
        check(letters is None or used <= set(letters + " "), f"{legend}: letters {sorted(used)}")
        check(len(used) > 1, f"{legend}: something is seen")
        if "execute" in legend:
            machine.keep("viewer-permission")


def zoom(machine: ShownMachine) -> None:
    machine.monitor.type("p")
    machine.wait("4 KiB A CELL")
    machine.monitor.type("Z")
    machine.wait("2 MiB A CELL")
    machine.monitor.type("Z")
    text = machine.wait("1 GiB A CELL")
    check(re.search(r"^ +0x000000  ?\S\s*$", text, re.MULTILINE), "256 MiB are one cell")
    machine.monitor.type("zz")
    machine.wait("4 KiB A CELL")
    machine.monitor.type("pp")
    machine.wait(r"PHYSICAL MEMORY +@\d+")


def moving(machine: ShownMachine) -> None:
    def first(text: str) -> int:
        return int(re.search(r"PHYSICAL MEMORY.*\n +(?:0x)?([0-9A-F]+) ", text)[1], 16)

    start = first(machine.screen().text())
    machine.monitor.key("up")
    machine.wait(rf"MEMORY.*\n +(0x)?0*{start - 0x40000:X} ")
    machine.monitor.key("down")
    machine.monitor.key("down")
    machine.wait(rf"MEMORY.*\n +(0x)?0*{start + 0x40000:X} ")
    machine.monitor.type("a")
    machine.wait(rf"MEMORY.*\n +(0x)?0*{start:X} ")


def freezing(machine: ShownMachine) -> None:
    """Space freezes the picture, s makes one step."""
    machine.monitor.type("a")
    machine.monitor.type(" ")
    machine.wait("^FROZEN")
    frozen = moment(machine)
    time.sleep(0.8)  # four pictures
    check(moment(machine) == frozen, "time stands still")
    machine.monitor.type("s")
    until(lambda: moment(machine) > frozen)
    stepped = moment(machine)
    check(stepped > frozen, "a step is a new picture")
    time.sleep(0.5)  # as long as two
    check(moment(machine) == stepped, "and only one")
    machine.monitor.type(" ")
    machine.wait_gone("^FROZEN")
    check(moment(machine) > stepped, "time goes on")


def differences(machine: ShownMachine) -> None:
    """What did not change since the last picture is grey."""
    machine.monitor.type("d")
    machine.wait("^CHANGES")

    def counts() -> tuple[int, int]:
        seen = [cell for cell in cells(machine.screen()) if cell.character not in " "]
        return sum(cell.foreground == GREY or cell.background == GREY for cell in seen), len(seen)

    until(lambda: counts()[0] > counts()[1] * 9 // 10)
    grey, seen = counts()
    check(grey > seen * 9 // 10, f"{grey} of {seen} cells are grey while nothing happens")
    machine.keep("viewer-difference")
    machine.monitor.type("d")
    machine.wait_gone("^CHANGES")


def palette(machine: ShownMachine) -> None:
    """The kernel's pages in both palettes: the letters stay."""

    def colours() -> set:
        return {cell.foreground for cell in cells(machine.screen()) if cell.character == "K"}

    machine.monitor.type("p")
    machine.wait("4 KiB A CELL")
    machine.monitor.type("p")
    machine.monitor.type("p")
    machine.wait(r"PHYSICAL MEMORY +@\d+")
    check(colours() == {MAGENTA}, f"K is bright magenta: {colours()}")
    machine.monitor.type("c")
    until(lambda: colours() == {SAFE_MAGENTA})
    check(colours() == {SAFE_MAGENTA}, f"K is {SAFE_MAGENTA} for colour-blind people: {colours()}")
    machine.keep("viewer-safe-colours")
    machine.monitor.type("c")


def next_process(machine: ShownMachine) -> None:
    machine.monitor.type("n")
    next_picture(machine)  # may have been begun before the key
    next_picture(machine)
    shown = re.search(r"ADDRESS SPACE FOR (\d+)", machine.wait(r"ADDRESS SPACE FOR \d+"))[1]
    time.sleep(1.5)  # in turn, the next would have come
    check(f"ADDRESS SPACE FOR {shown} " in machine.screen().text(), "n stays at a process")
    machine.monitor.type("n")
    machine.wait(rf"ADDRESS SPACE FOR {int(shown) % 3 + 1} ")
    machine.monitor.type("0")
    machine.wait(rf"ADDRESS SPACE FOR {shown} ")
