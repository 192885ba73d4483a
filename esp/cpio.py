"""cpio archives in the "newc" format, the one the kernel unpacks: written and listed."""

import os
import stat
from dataclasses import dataclass

MAGIC = b"070701"
TRAILER = "TRAILER!!!"
HEADER_SIZE = 110
FIELDS = 13
# Offsets of a header, in words of eight hexadecimal digits after the magic.
FIELD_MODE, FIELD_FILE_SIZE, FIELD_NAME_SIZE = 1, 6, 11
MAX_FILE_SIZE = 0xFFFF_FFFF


@dataclass
class Entry:
    """One file of an archive; `name` is relative to the root of the file system it is unpacked into."""

    name: str
    mode: int
    data: bytes


# Whole pages of a file that lie in pages of the archive are mapped as they are.
PAGE = 4096


def _aligned(size: int) -> int:
    return (size + 3) & ~3


class Writer:
    """Builds one archive in memory. All belongs to root and carries time 0, so that equal input gives equal
    bytes.

    Folders on the way to a file are added by themselves; a later file replaces an earlier one of its name."""

    def __init__(self):
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, mode: int, data: bytes = b"") -> None:
        """Add one entry: `mode` with its file type bits; a symbolic link's data is its target."""
        name = name.strip("/")
        if not name:
            return
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise ValueError(f"not a plain path: {name!r}")
        if len(data) > MAX_FILE_SIZE:
            raise ValueError(f"{name}: larger than the archive format holds (4 GiB)")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder not in self._entries:
                self._entries[folder] = Entry(folder, stat.S_IFDIR | 0o755, b"")
        if stat.S_ISDIR(mode) and name in self._entries and stat.S_ISDIR(self._entries[name].mode):
            self._entries[name].mode = mode
            return
        self._entries[name] = Entry(name, mode, data)

    def add_file(self, name: str, data: bytes, mode: int = 0o755) -> None:
        self.add(name, stat.S_IFREG | mode, data)

    def add_from_host(self, host_path: str, name: str) -> None:
        """Add a file, or a folder and all below it. A link given by name is followed; links in folders stay
        links."""
        self._add_from_host(os.path.realpath(host_path, strict=True), name)

    def _add_from_host(self, host_path: str, name: str) -> None:
        status = os.lstat(host_path)
        mode = status.st_mode
        if stat.S_ISREG(mode):
            with open(host_path, "rb") as file:
                self.add(name, mode, file.read())
        elif stat.S_ISLNK(mode):
            self.add(name, mode, os.fsencode(os.readlink(host_path)))
        elif stat.S_ISDIR(mode):
            self.add(name, mode)
            for child in sorted(os.listdir(host_path)):
                self._add_from_host(os.path.join(host_path, child), f"{name.rstrip('/')}/{child}")
        else:
            raise ValueError(f"{host_path}: neither file, folder nor symbolic link")

    def bytes(self) -> bytes:
        archive = bytearray()
        for inode, entry in enumerate(self._entries.values(), start=1):
            archive += _record(inode, entry, len(archive))
        archive += _record(0, Entry(TRAILER, 0, b""), len(archive))
        return bytes(archive)


def _record(inode: int, entry: Entry, position: int) -> bytes:
    """The entry's record, which begins at `position`. Zeroes after the name make a large file's data begin
    at a page."""
    name = os.fsencode(entry.name) + b"\0"
    if stat.S_ISREG(entry.mode) and len(entry.data) >= PAGE:
        name += bytes(-(position + HEADER_SIZE + len(name)) % PAGE)
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = [inode, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, 0, 0, len(name), 0]
    header = MAGIC + b"".join(b"%08X" % field for field in fields)
    name_end = _aligned(HEADER_SIZE + len(name))
    return (header + name).ljust(name_end, b"\0") + entry.data.ljust(_aligned(len(entry.data)), b"\0")


def read(archive: bytes) -> list[Entry]:
    """The entries of an archive, in order. ValueError when it is not a whole newc archive."""
    entries: list[Entry] = []
    position = 0
    while True:
        header = archive[position : position + HEADER_SIZE]
        if len(header) < HEADER_SIZE or header[:6] != MAGIC:
            raise ValueError(f"no cpio header at byte {position}")
        fields = [int(header[6 + 8 * i : 14 + 8 * i], 16) for i in range(FIELDS)]
        name_start = position + HEADER_SIZE
        name_end = name_start + fields[FIELD_NAME_SIZE]
        data_start = position + _aligned(HEADER_SIZE + fields[FIELD_NAME_SIZE])
        data_end = data_start + fields[FIELD_FILE_SIZE]
        if data_end > len(archive) or fields[FIELD_NAME_SIZE] == 0:
            raise ValueError(f"cpio entry at byte {position} runs past the end")
        name = os.fsdecode(archive[name_start:name_end].rstrip(b"\0"))
        if name == TRAILER:
            return entries
        entries.append(Entry(name, fields[FIELD_MODE], archive[data_start:data_end]))
        position = _aligned(data_end)
