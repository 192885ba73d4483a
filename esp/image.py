"""Disk images: a FAT32 EFI system partition, alone or in a GPT, without root and byte for byte reproducible.

The image that the build makes holds only the loader; what a single run adds (a command line, archives) goes
into a sparse copy of it."""

import argparse
import os
import shutil
import struct
import subprocess
import sys
import uuid
import zlib

MIB = 1 << 20
SECTOR = 512
ESP_SIZE = 64 * MIB  # FAT32 needs more than 65525 clusters: 33 MiB; some firmware does not list FAT16
GPT_ALIGNMENT = MIB
GPT_ENTRIES, GPT_ENTRY_SIZE = 128, 128
GPT_TABLE_SECTORS = GPT_ENTRIES * GPT_ENTRY_SIZE // SECTOR
ESP_TYPE = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
QUIRE_NAMESPACE = uuid.UUID("5ad91c7e-3d0c-4b5e-9d0b-7c3bb0a4ab11")
VOLUME_SERIAL = "51554952"
LOADER_PATH = "EFI/BOOT/BOOTX64.EFI"
# Same time in every image, so that equal input gives equal bytes: 2026-01-01.
SOURCE_DATE = "1767225600"


class ImageError(Exception):
    """An image could not be made; the message says why."""


def _mtools(arguments: list[str]) -> None:
    fixed = {"MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": "/dev/null", "SOURCE_DATE_EPOCH": SOURCE_DATE, "TZ": "UTC"}
    result = subprocess.run(arguments, env=os.environ | fixed, stdin=subprocess.DEVNULL, capture_output=True,
                            text=True)
    if result.returncode != 0:
        raise ImageError(f"{arguments[0]}: {result.stderr.strip() or 'failed'}")


def size_needed(content: int) -> int:
    """How large an EFI system partition must be for `content` bytes of files, in whole MiB."""
    return max(ESP_SIZE, (content + content // 16 + 8 * MIB) // MIB * MIB)


def make_esp(image: str, files: dict[str, str], size: int = ESP_SIZE, first_sector: int = 0) -> None:
    """Write a FAT32 volume at `image` holding `files` (path on the volume -> path on the host), replacing
    any."""
    temporary = f"{image}.{os.getpid()}.new"
    try:
        with open(temporary, "wb") as file:
            file.truncate(size)
        label = ["-v", "QUIRE", "-N", VOLUME_SERIAL]
        _mtools(["mformat", "-i", temporary, "-F", *label, "-H", str(first_sector), "::"])
        add_files(temporary, files)
        os.replace(temporary, image)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def add_files(image: str, files: dict[str, str]) -> None:
    """Copy `files` (path on the volume -> path on the host) into a FAT volume, with the folders they need."""
    folders: list[str] = []
    for path in files:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            folder = "::/" + "/".join(parts[:depth])
            if folder not in folders:
                folders.append(folder)
    if folders:
        _mtools(["mmd", "-D", "s", "-i", image, *folders])
    for path, host in files.items():
        _mtools(["mcopy", "-D", "o", "-i", image, host, f"::/{path}"])


def copy_sparse(source: str, destination: str, offset: int = 0, total: int = 0) -> None:
    """Copy a file to byte `offset` of a new one of `total` bytes (0: just fits). Holes stay holes."""
    with open(source, "rb", buffering=0) as reader, open(destination, "wb", buffering=0) as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(total or offset + size)
        position = 0
        while position < size:
            try:
                position = os.lseek(reader.fileno(), position, os.SEEK_DATA)
            except OSError:  # ENXIO: nothing but a hole up to the end
                break
            end = os.lseek(reader.fileno(), position, os.SEEK_HOLE)
            while position < end:
                chunk = os.pread(reader.fileno(), min(MIB, end - position), position)
                position += os.pwrite(writer.fileno(), chunk, offset + position)


def wrap_in_gpt(esp: str, disk: str) -> None:
    """Write a disk image at `disk`: protective MBR, GPT, and the volume `esp` as its only partition."""
    esp_sectors = os.path.getsize(esp) // SECTOR
    first = GPT_ALIGNMENT // SECTOR
    last = first + esp_sectors - 1
    total = first + esp_sectors + GPT_ALIGNMENT // SECTOR
    disk_id = uuid.uuid5(QUIRE_NAMESPACE, f"disk {esp_sectors}")
    partition_id = uuid.uuid5(QUIRE_NAMESPACE, f"esp {esp_sectors}")

    entry = struct.pack("<16s16sQQQ72s", ESP_TYPE.bytes_le, partition_id.bytes_le, first, last, 0,
                        "EFI system partition".encode("utf-16-le"))
    table = entry.ljust(GPT_ENTRIES * GPT_ENTRY_SIZE, b"\0")

    def header(own: int, other: int, table_sector: int) -> bytes:
        def packed(checksum: int) -> bytes:
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, checksum, 0, own, other,
                               2 + GPT_TABLE_SECTORS, total - GPT_TABLE_SECTORS - 2, disk_id.bytes_le,
                               table_sector, GPT_ENTRIES, GPT_ENTRY_SIZE, zlib.crc32(table))
        return packed(zlib.crc32(packed(0))).ljust(SECTOR, b"\0")

    covered = min(total - 1, 0xFFFFFFFF)
    protective = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, covered)
    mbr = bytes(446) + protective + bytes(48) + b"\x55\xaa"

    temporary = f"{disk}.{os.getpid()}.new"
    try:
        copy_sparse(esp, temporary, offset=first * SECTOR, total=total * SECTOR)
        with open(temporary, "r+b") as file:
            file.write(mbr + header(1, total - 1, 2) + table)
            file.seek((total - 1 - GPT_TABLE_SECTORS) * SECTOR)
            file.write(table + header(total - 1, 1, total - 1 - GPT_TABLE_SECTORS))
        os.replace(temporary, disk)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def make_disk(disk: str, files: dict[str, str], size: int = ESP_SIZE) -> None:
    """Write a GPT disk image whose EFI system partition holds `files`: what a USB stick gets."""
    esp = f"{disk}.{os.getpid()}.esp"
    try:
        make_esp(esp, files, size, first_sector=GPT_ALIGNMENT // SECTOR)
        wrap_in_gpt(esp, disk)
    finally:
        if os.path.exists(esp):
            os.unlink(esp)


def _main() -> int:
    parser = argparse.ArgumentParser(description="Make a disk image that holds the loader.")
    parser.add_argument("kind", choices=("esp", "disk"))
    parser.add_argument("--loader", required=True, help="BOOTX64.EFI")
    parser.add_argument("--folder", help="also put the same files into this folder")
    parser.add_argument("image")
    arguments = parser.parse_args()
    files = {LOADER_PATH: arguments.loader}
    try:
        if arguments.kind == "esp":
            make_esp(arguments.image, files, size_needed(os.path.getsize(arguments.loader)))
        else:
            make_disk(arguments.image, files, size_needed(os.path.getsize(arguments.loader)))
    except (ImageError, OSError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    if arguments.folder:
        for path, host in files.items():
            target = os.path.join(arguments.folder, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copyfile(host, target)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
