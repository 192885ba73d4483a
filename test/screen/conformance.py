"""Terminal sequences, as programs send them to a real screen: each case's bytes, and the rows it must show.

Expectations are ECMA-48's, and of private sequences the VT100's and xterm's."""

import sys

from machines import ROOT, ShownMachine, check

sys.path.insert(0, ROOT)

from esp.cpio import Writer  # noqa: E402

ESC = "\x1b"
CSI = ESC + "["
FILL = "".join(f"{CSI}{row};1Hrow{row}" for row in range(1, 9))

# Name, bytes after a reset of the terminal, rows from the top.
CASES: list[tuple[str, str, list[str]]] = [
    ("plain text and line ends", "one\r\ntwo\r\n\r\nfour", ["one", "two", "", "four"]),
    ("cursor position", f"{CSI}3;5Hx{CSI}Hy{CSI}2;2fz", ["y", " z", "    x"]),
    ("cursor up, down, left, right", f"{CSI}2;3Ha{CSI}Ab{CSI}2Bc{CSI}4Dd{CSI}3Ce",
     ["   b", "  a", " d  ce"]),
    ("columns and lines", f"{CSI}5Ga{CSI}3db{CSI}1`c{CSI}2Ed{CSI}3Fe", ["    a", "e", "c    b", "", "d"]),
    ("tabulators", f"a\tb{CSI}3Ic{CSI}2Zd", ["a       b               d       c"]),
    ("backspace and carriage return", "abc\b\bX\rY", ["YXc"]),
    ("wrapping at the right edge", f"{CSI}1;79Habc", [" " * 78 + "ab", "c"]),
    ("no wrapping", f"{CSI}?7l{CSI}1;79Habc{CSI}?7h", [" " * 78 + "ac"]),
    ("erase in line", f"abcdef{CSI}3D{CSI}K\r\nabcdef{CSI}3D{CSI}1K\r\nabcdef{CSI}2K|",
     ["abc", "    ef", "      |"]),
    ("erase in display", f"{FILL}{CSI}4;2H{CSI}J{CSI}2;2H{CSI}1J", ["", "  w2", "row3", "r", ""]),
    ("insert and delete characters", f"abcdef{CSI}1;3H{CSI}2@XY\r\nabcdef{CSI}2;2H{CSI}3P",
     ["abXYcdef", "aef"]),
    ("erase characters, insert mode", f"abcdef{CSI}1;2H{CSI}3X\r\nabc{CSI}2;2H{CSI}4hXY{CSI}4l",
     ["a   ef", "aXYbc"]),
    ("insert and delete lines", f"{FILL}{CSI}2;1H{CSI}2L{CSI}6;1H{CSI}M",
     ["row1", "", "", "row2", "row3", "row5", "row6", "row7", "row8"]),
    ("scrolling region", f"{FILL}{CSI}3;5r{CSI}5;1H\n{CSI}3;1H{ESC}M{ESC}M{CSI}r",
     ["row1", "row2", "", "", "row4", "row6"]),
    ("scroll up and down", f"{FILL}{CSI}2S{CSI}T", ["", "row3", "row4", "row5", "row6", "row7", "row8", ""]),
    ("origin mode", f"{CSI}3;6r{CSI}?6h{CSI}2;2Hx{CSI}?6l{CSI}r", ["", "", "", " x"]),
    ("save and restore", f"ab{ESC}7{CSI}5;5Hx{ESC}8c{CSI}s{CSI}Hy{CSI}ud", ["ybcd", "", "", "", "    x"]),
    ("next line, index, reverse index", f"a{ESC}Eb{ESC}Dc{ESC}Md", ["a", "b d", " c"]),
    # The font draws the line as the dash U+2014, too, which is the lower code.
    ("line drawing", f"{ESC}(0lqwqk{ESC}(B\r\n{ESC})0\x0emqvqj\x0f|",
     ["\u250c\u2014\u252c\u2014\u2510", "\u2514\u2014\u2534\u2014\u2518|"]),
    ("UTF-8", "\u00e4\u00f6\u00fc \u20ac \u2588 \u2592 caf\u00e9",  # a full block reads as a blank
     ["\u00e4\u00f6\u00fc \u20ac   \u2592 caf\u00e9"]),
    ("repeat", f"x{CSI}4b|", ["xxxxx|"]),
    ("alternate screen", f"main{CSI}?1049h{CSI}Hother{CSI}?1049l|", ["main|"]),
    ("strings and unknown sequences", f"{ESC}]0;title\x07a{ESC}Pdcs{ESC}\\b{CSI}>4;2mc{CSI}?2004hd{CSI}1 qe",
     ["abcde"]),
    ("alignment pattern", f"{ESC}#8{CSI}2;1H{CSI}J", ["E" * 80, ""]),
]


def archive() -> bytes:
    writer = Writer()
    for number, (_name, text, _rows) in enumerate(CASES):
        writer.add_file(f"cases/{number:02}", (ESC + "c" + text + f"{CSI}25;1H<{number}>").encode())
    return writer.bytes()


def sequences(machine: ShownMachine) -> None:
    machine.monitor.type("stty -echo; for c in /cases/*; do cat $c; read next; done; "
                         "stty echo; clear; echo\n")
    wrong = []
    for number, (name, _text, wanted) in enumerate(CASES):
        shown = machine.wait(rf"^<{number}>").split("\n")[:len(wanted)]
        if shown != wanted:
            wrong.append(f"{name}: {shown} instead of {wanted}")
        machine.monitor.key("ret")
    machine.wait(r"\A\n/ # ?\n*\Z")
    check(not wrong, "\n".join(wrong))
