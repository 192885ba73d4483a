"""The kernel's command line: words that may be quoted, so that any byte of an argument passes as printable
ASCII.

A word is plain, or stands in double quotes; inside quotes `\\\\`, `\\"` and `\\xHH` stand for a backslash, a
quote and any byte."""

import os
import re

# What needs no quotes. Everything else is quoted, so that a reader of the boot log sees where a word ends.
PLAIN = re.compile(rb"[A-Za-z0-9_@%+=:,./-]+")
ESCAPE = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')
WORD = re.compile(rb' *(?:"((?:[^"\\]|\\.)*)"|([^ "]+))(?= |$)')
# The loader's limit (efi/boot_info.h: BOOT_COMMAND_LINE_MAX), terminator included.
COMMAND_LINE_MAX = 16384


def quote(word: str) -> str:
    """`word` in double quotes, as printable ASCII."""
    quoted = []
    for byte in os.fsencode(word):
        if byte in b'"\\':
            quoted.append("\\" + chr(byte))
        elif 0x20 <= byte < 0x7F:
            quoted.append(chr(byte))
        else:
            quoted.append(f"\\x{byte:02x}")
    return '"' + "".join(quoted) + '"'


def quote_if_needed(word: str) -> str:
    return word if PLAIN.fullmatch(os.fsencode(word)) else quote(word)


def split(line: str) -> list[str]:
    """The words of a line: what the kernel makes of it. ValueError when a quote is not closed."""
    words = []
    rest = line.encode("ascii").strip(b" ")
    while rest:
        match = WORD.match(rest)
        if match is None:
            raise ValueError(f"cannot be split into words: {line!r}")
        quoted, plain = match.groups()
        words.append(os.fsdecode(plain if plain is not None else _unescape(quoted)))
        rest = rest[match.end() :]
    return words


def _unescape(quoted: bytes) -> bytes:
    return ESCAPE.sub(lambda match: bytes([int(match[1], 16)]) if match[1] else match[2], quoted)


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise ValueError
    return value
