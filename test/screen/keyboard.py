"""QEMU's PS/2 keyboard, followed by its trace: which keys reached it, what the machine has read of them, its
lights.

It holds sixteen bytes and drops what comes when it is full, which a machine on a busy host may be too slow
for. So who types waits until a key has been read before the next."""

import os
import re
import time

EVENTS = ["ps2_keyboard_event", "ps2_put_keycode", "pckbd_kbd_read_data", "ps2_set_ledstate"]
EVENT = re.compile(rb"(?:^|:)(\w+) (.*)\n")
RELEASE = 0xF0  # the prefix of set 2, which the controller's translation takes away
LOOK_TIME = 0.002
PATIENCE = 20


class Keyboard:
    def __init__(self, path: str):
        """`path`: QEMU's trace, which need not be there yet."""
        self._path = path
        self._at = 0
        self._events = 0  # keys pressed or released
        self._sent = 0  # bytes into the queue
        self._taken = 0  # bytes read from the controller
        self.lights: list[int] = []  # each state that was set: Scroll, Num, Caps Lock in bits 0 to 2

    @staticmethod
    def arguments(path: str) -> list[str]:
        """QEMU's, so that it writes the trace."""
        return [word for event in EVENTS for word in ("-trace", f"enable={event}")] + ["-D", path]

    def look(self) -> None:
        """Read on in the trace."""
        if not os.path.exists(self._path):
            return
        with open(self._path, "rb") as file:
            file.seek(self._at)
            text = file.read()
        text = text[:text.rfind(b"\n") + 1]
        self._at += len(text)
        for line in text.splitlines(keepends=True):
            event = EVENT.search(line)
            if event:
                self._follow(event[1].decode(), event[2].decode())

    def _follow(self, event: str, words: str) -> None:
        if event == "ps2_keyboard_event":
            self._events += 1
        elif event == "ps2_put_keycode":
            self._sent += int(words.split()[-1], 16) != RELEASE
        elif event == "pckbd_kbd_read_data":
            self._taken += 1
        elif event == "ps2_set_ledstate":
            self.lights.append(int(words.split()[-1]))

    def mark(self) -> tuple[int, int, int]:
        """Before keys are sent."""
        self.look()
        return self._events, self._sent, self._taken

    def wait(self, mark: tuple[int, int, int], keys: int) -> bool:
        """Wait until as many keys were pressed and released since then, and the machine has read them."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.look()
            if self._events - mark[0] >= 2 * keys and self._taken - mark[2] >= self._sent - mark[1]:
                return True
            time.sleep(LOOK_TIME)
        return False
