"""QEMU's monitor, by its machine protocol (QMP): send keys, take pictures."""

import json
import os
import socket
import time

from keyboard import Keyboard

# What QEMU calls the keys of characters, on a US keyboard.
KEYS = {" ": "spc", "\n": "ret", "/": "slash", "-": "minus", ".": "dot", ",": "comma", ";": "semicolon",
        "=": "equal",
        "'": "apostrophe", "\\": "backslash", "\x1b": "esc", "\t": "tab",
        "[": "bracket_left", "]": "bracket_right"}
SHIFTED = {":": "semicolon", "$": "4", "!": "1", "|": "backslash", ">": "dot", "<": "comma", "_": "minus",
           '"': "apostrophe",
           "&": "7", "(": "9", ")": "0", "*": "8", "?": "slash", "+": "equal",
           "#": "3", "^": "6", "~": "grave_accent"}
HOLD_TIME = 2  # milliseconds


class Monitor:
    def __init__(self, path: str, keyboard: Keyboard):
        self._keyboard = keyboard
        deadline = time.monotonic() + 20
        while not os.path.exists(path) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._file = self._socket.makefile("rw")
        self._file.readline()
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments):
        self._file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self._file.flush()
        while True:
            answer = json.loads(self._file.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def key(self, chord: str, read: bool = True) -> None:
        """A key, or several held together: "ret", "alt-f2"; `read`: the machine will live to read it all."""
        keys = [{"type": "qcode", "data": name} for name in chord.split("-")]
        mark = self._keyboard.mark()
        self.command("send-key", keys=keys, **{"hold-time": HOLD_TIME})
        if read and not self._keyboard.wait(mark, len(keys)):
            raise TimeoutError(f"nobody reads the key {chord}")

    def type(self, text: str) -> None:
        for character in text:
            if character in SHIFTED:
                self.key(f"shift-{SHIFTED[character]}")
            elif character.isupper():
                self.key(f"shift-{character.lower()}")
            else:
                self.key(KEYS.get(character, character))

    def picture(self, path: str) -> None:
        """A PPM file of what the display shows now."""
        self.command("screendump", filename=path)
