"""cpio archives, with Debian's cpio as the second opinion where it is installed."""

import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from esp import cpio


class CpioTest(unittest.TestCase):
    def test_what_is_written_is_read_back(self):
        writer = cpio.Writer()
        writer.add_file("bin/sh", b"program", 0o755)
        writer.add_file("/etc/empty", b"", 0o600)
        writer.add("bin/link", stat.S_IFLNK | 0o777, b"sh")
        entries = {entry.name: entry for entry in cpio.read(writer.bytes())}
        self.assertEqual(list(entries), ["bin", "bin/sh", "etc", "etc/empty", "bin/link"])
        self.assertEqual(entries["bin/sh"].data, b"program")
        self.assertEqual(entries["etc/empty"].mode, stat.S_IFREG | 0o600)
        self.assertEqual(entries["bin/link"].data, b"sh")
        self.assertTrue(stat.S_ISDIR(entries["bin"].mode))

    def test_records_are_aligned_whatever_the_sizes(self):
        for name_size in range(1, 9):
            for data_size in range(0, 9):
                writer = cpio.Writer()
                writer.add_file("n" * name_size, b"d" * data_size)
                archive = writer.bytes()
                self.assertEqual(len(archive) % 4, 0)
                (entry,) = cpio.read(archive)
                self.assertEqual((entry.name, entry.data), ("n" * name_size, b"d" * data_size))

    def test_large_files_begin_at_pages(self):
        writer = cpio.Writer()
        for size in (100, 4095, 4096, 5000, 70000):
            writer.add_file(f"some/where/{size}", bytes([size % 251 + 1]) * size)
        archive = writer.bytes()
        for entry in cpio.read(archive):
            if len(entry.data) >= cpio.PAGE:
                self.assertEqual(archive.index(entry.data) % cpio.PAGE, 0, entry.name)

    def test_a_later_file_replaces_an_earlier_one(self):
        writer = cpio.Writer()
        writer.add_file("bin/a", b"old")
        writer.add_file("bin/a", b"new")
        files = [entry.data for entry in cpio.read(writer.bytes()) if entry.name == "bin/a"]
        self.assertEqual(files, [b"new"])

    def test_names_are_plain_paths(self):
        for name in ("../up", "a//b", "a/./b", "a/../b"):
            with self.assertRaises(ValueError, msg=name):
                cpio.Writer().add_file(name, b"")

    def test_a_torn_archive_is_refused(self):
        writer = cpio.Writer()
        writer.add_file("file", b"0123456789" * 20)
        archive = writer.bytes()
        for size in (0, 50, 120, 200, len(archive) - 100):
            with self.assertRaises(ValueError, msg=str(size)):
                cpio.read(archive[:size])

    def test_a_folder_comes_along_with_its_links_and_modes(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(f"{folder}/tree/sub")
            with open(f"{folder}/tree/sub/file", "wb") as file:
                file.write(b"\0\xff")
            os.chmod(f"{folder}/tree/sub/file", 0o640)
            os.symlink("sub/file", f"{folder}/tree/link")
            os.symlink("tree", f"{folder}/named")
            writer = cpio.Writer()
            writer.add_from_host(f"{folder}/named", "/data")
            entries = {entry.name: entry for entry in cpio.read(writer.bytes())}
        self.assertEqual(entries["data/sub/file"].data, b"\0\xff")
        self.assertEqual(stat.S_IMODE(entries["data/sub/file"].mode), 0o640)
        self.assertTrue(stat.S_ISLNK(entries["data/link"].mode))
        self.assertTrue(stat.S_ISDIR(entries["data"].mode))

    @unittest.skipUnless(shutil.which("cpio"), "cpio is not installed")
    def test_cpio_agrees(self):
        writer = cpio.Writer()
        writer.add_file("a/b/c", bytes(range(256)))
        writer.add_file("a/d", b"x")
        writer.add_file("a/large", b"y" * 10000)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cpio", "--extract", "--quiet"], input=writer.bytes(), cwd=folder, check=True)
            with open(f"{folder}/a/b/c", "rb") as file:
                self.assertEqual(file.read(), bytes(range(256)))
            self.assertEqual(sorted(os.listdir(f"{folder}/a")), ["b", "d", "large"])


if __name__ == "__main__":
    unittest.main()
