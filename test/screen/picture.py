"""Pictures of the screen, read back as a person would: the glyphs of the kernel's font, and their colours.

Pictures are binary PPM files, as QEMU makes them. `write_png` needs nothing but zlib."""

import struct
import zlib
from dataclasses import dataclass

GLYPH_WIDTH, GLYPH_HEIGHT = 8, 16
COMFORTABLE = 100, 36  # the kernel draws larger as long as so many characters fit
COLUMNS_MAX, ROWS_MAX = 240, 135


@dataclass
class Picture:
    width: int
    height: int
    pixels: bytes  # three bytes each


def read_ppm(path: str) -> Picture:
    with open(path, "rb") as file:
        data = file.read()
    magic, width, height, most, pixels = data.split(maxsplit=4) if data[:2] == b"P6" else (b"", 0, 0, 0, b"")
    if magic != b"P6" or int(most) != 255:
        raise ValueError(f"{path}: not a picture")
    size = int(width) * int(height) * 3
    return Picture(int(width), int(height), data[len(data) - size:])


def write_png(picture: Picture, path: str) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I",
                                                                              zlib.crc32(kind + content))

    stride = picture.width * 3
    rows = b"".join(b"\0" + picture.pixels[at:at + stride] for at in range(0, len(picture.pixels), stride))
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9))
                   + chunk(b"IEND", b""))


def read_font(path: str) -> dict[bytes, str]:
    """The characters of a PSF1 font by their sixteen rows; of those that look alike, the lowest."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:2] != b"\x36\x04" or data[3] != GLYPH_HEIGHT:
        raise ValueError(f"{path}: not a PSF1 font of 8x16 pixels")
    count = 512 if data[2] & 1 else 256
    table = struct.unpack(f"<{(len(data) - 4 - count * 16) // 2}H", data[4 + count * 16:])
    characters: dict[bytes, str] = {}
    glyph, sequence = 0, False
    for value in table:
        if value == 0xFFFF:
            glyph, sequence = glyph + 1, False
        elif value == 0xFFFE:
            sequence = True
        elif not sequence:
            shape = data[4 + glyph * 16:20 + glyph * 16]
            characters[shape] = min(characters.get(shape, "\uffff"), chr(value))
    return characters


@dataclass
class Cell:
    character: str  # "\ufffd": no glyph of the font
    foreground: tuple[int, int, int]
    background: tuple[int, int, int]


class Screen:
    """The grid of characters in a picture."""

    # What a row and a cell of pixels say: most are the same from one picture to the next.
    _rows: dict[bytes, str] = {}
    _cells: dict[bytes, Cell] = {}

    def __init__(self, picture: Picture, font: dict[bytes, str]):
        self._picture, self._font = picture, font
        scale = 1
        while (picture.width // (8 * (scale + 1)) >= COMFORTABLE[0]
               and picture.height // (16 * (scale + 1)) >= COMFORTABLE[1]):
            scale += 1
        self.scale = scale
        self.columns = min(picture.width // (8 * scale), COLUMNS_MAX)
        self.rows = min(picture.height // (16 * scale), ROWS_MAX)
        self._left = (picture.width - self.columns * 8 * scale) // 2
        self._top = (picture.height - self.rows * 16 * scale) // 2

    def cell(self, row: int, column: int) -> Cell:
        scale, stride = self.scale, self._picture.width * 3
        at = (self._top + row * 16 * scale) * stride + (self._left + column * 8 * scale) * 3
        lines = [self._picture.pixels[at + y * scale * stride:at + y * scale * stride + 24 * scale]
                 for y in range(GLYPH_HEIGHT)]
        key = b"".join(lines)
        found = self._cells.get(key)
        if found is None:
            found = self._cells[key] = self._decode(lines)
        return found

    def _decode(self, lines: list[bytes]) -> Cell:
        step = 3 * self.scale
        dots = [[line[x * step:x * step + 3] for x in range(GLYPH_WIDTH)] for line in lines]
        colours = sorted({dot for line in dots for dot in line})
        if len(colours) == 1:
            colour = tuple(colours[0])
            return Cell(" ", colour, colour)
        for foreground, background in ((colours[0], colours[-1]), (colours[-1], colours[0])):
            shape = bytes(sum((dot == foreground) << (7 - x) for x, dot in enumerate(line)) for line in dots)
            if shape in self._font and len(colours) == 2:
                character = self._font[shape]
                if character != "\u2588":
                    return Cell(character, tuple(foreground), tuple(background))
        return Cell("\ufffd", tuple(colours[-1]), tuple(colours[0]))

    def row(self, row: int) -> str:
        height = 16 * self.scale * self._picture.width * 3
        at = self._top * self._picture.width * 3 + row * height
        key = self._picture.pixels[at:at + height]
        found = self._rows.get(key)
        if found is None:
            text = "".join(self.cell(row, column).character for column in range(self.columns))
            found = self._rows[key] = text.rstrip()
        return found

    def text(self) -> str:
        return "\n".join(self.row(row) for row in range(self.rows))
