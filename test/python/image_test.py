"""Images, read back by mtools (the volume) and by a reader of this test's own (the partition table)."""

import os
import struct
import subprocess
import tempfile
import unittest
import uuid
import zlib

from esp import image

SECTOR = 512


def mtools(*command: str) -> bytes:
    environment = dict(os.environ, MTOOLSRC="/dev/null")
    return subprocess.run(command, env=environment, check=True, capture_output=True).stdout


def listing(path: str) -> set[str]:
    """Every file of a FAT volume, read by mtools; `path` may carry mtools' @@offset."""
    shown = mtools("mdir", "-i", path, "-b", "-/", "::").decode()
    return {line.removeprefix("::/") for line in shown.split("\n") if line and not line.endswith("/")}


def content(path: str, name: str) -> bytes:
    return mtools("mtype", "-i", path, f"::/{name}")


class ImageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.loader = self.path("loader")
        with open(self.loader, "wb") as file:
            file.write(os.urandom(300_000))

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def esp(self, name: str = "esp.img", **arguments) -> str:
        files = {image.LOADER_PATH: self.loader, "quire/cmdline.txt": self.loader}
        image.make_esp(self.path(name), files, **arguments)
        return self.path(name)

    def test_the_volume_is_fat32_and_holds_the_files(self):
        esp = self.esp()
        self.assertEqual(listing(esp), {image.LOADER_PATH, "quire/cmdline.txt"})
        with open(self.loader, "rb") as file:
            self.assertEqual(content(esp, image.LOADER_PATH), file.read())
        with open(esp, "rb") as file:
            boot_sector = file.read(SECTOR)
        sectors_per_cluster, reserved, fats = struct.unpack_from("<BHB", boot_sector, 13)
        total, fat_size = struct.unpack_from("<II", boot_sector, 32)
        clusters = (total - reserved - fats * fat_size) // sectors_per_cluster
        self.assertGreaterEqual(clusters, 65525)  # what makes a volume FAT32
        self.assertEqual(total * SECTOR, image.ESP_SIZE)

    def test_equal_input_gives_equal_bytes(self):
        with open(self.esp("one.img"), "rb") as one, open(self.esp("two.img"), "rb") as two:
            self.assertEqual(zlib.crc32(one.read()), zlib.crc32(two.read()))

    def test_files_are_added_to_a_sparse_copy_and_the_original_stays(self):
        esp, copy = self.esp(), self.path("copy.img")
        with open(esp, "rb") as file:
            before = zlib.crc32(file.read())
        image.copy_sparse(esp, copy)
        with open(copy, "rb") as file:
            self.assertEqual(zlib.crc32(file.read()), before)
        self.assertLess(os.stat(copy).st_blocks * 512, image.ESP_SIZE // 4)
        image.add_files(copy, {"deep/er/exec.cpio": self.loader})
        self.assertEqual(listing(copy) - listing(esp), {"deep/er/exec.cpio"})
        with open(esp, "rb") as file:
            self.assertEqual(zlib.crc32(file.read()), before)

    def test_a_large_content_gets_a_larger_volume(self):
        self.assertEqual(image.size_needed(0), image.ESP_SIZE)
        self.assertGreater(image.size_needed(200 << 20), 200 << 20)

    def test_an_image_that_cannot_be_made_leaves_nothing(self):
        with self.assertRaises(image.ImageError):
            image.make_esp(self.path("bad.img"), {"a": self.path("missing")})
        self.assertEqual(os.listdir(self.folder), ["loader"])

    def check_header(self, disk: bytes, own: int, other: int) -> int:
        """The GPT header at sector `own`: its checks, and the sector of its table."""
        header = bytearray(disk[own * SECTOR : own * SECTOR + 92])
        self.assertEqual(header[:8], b"EFI PART")
        self.assertEqual(struct.unpack_from("<II", header, 8), (0x10000, 92))
        checksum = struct.unpack_from("<I", header, 16)[0]
        header[16:20] = bytes(4)
        self.assertEqual(zlib.crc32(header), checksum)
        self.assertEqual(struct.unpack_from("<QQ", header, 24), (own, other))
        table, count, size, table_checksum = struct.unpack_from("<QIII", header, 72)
        self.assertEqual((count, size), (128, 128))
        self.assertEqual(zlib.crc32(disk[table * SECTOR : table * SECTOR + count * size]), table_checksum)
        first_usable, last_usable = struct.unpack_from("<QQ", header, 40)
        self.assertLess(1 + 32, first_usable)
        self.assertLess(last_usable, len(disk) // SECTOR - 33)
        return table

    def test_the_partition_table_is_whole_at_both_ends(self):
        disk_path = self.path("disk.img")
        image.make_disk(disk_path, {image.LOADER_PATH: self.loader})
        with open(disk_path, "rb") as file:
            disk = file.read()
        sectors = len(disk) // SECTOR
        self.assertEqual(disk[510:512], b"\x55\xaa")
        self.assertEqual(disk[446 + 4], 0xEE)
        self.assertEqual(struct.unpack_from("<II", disk, 446 + 8), (1, sectors - 1))
        table = self.check_header(disk, 1, sectors - 1)
        self.check_header(disk, sectors - 1, 1)
        entry = disk[table * SECTOR : table * SECTOR + 128]
        first, last = struct.unpack_from("<QQ", entry, 32)
        self.assertEqual(uuid.UUID(bytes_le=entry[:16]), uuid.UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B"))
        self.assertEqual((first * SECTOR % (1 << 20), (last - first + 1) * SECTOR), (0, image.ESP_SIZE))
        self.assertEqual(struct.unpack_from("<I", disk, first * SECTOR + 28)[0], first)  # hidden sectors
        self.assertEqual(listing(f"{disk_path}@@{first * SECTOR}"), {image.LOADER_PATH})


if __name__ == "__main__":
    unittest.main()
