"""Which files are taken for static x86-64 programs, and what is said of the others."""

import struct
import unittest

from esp.elf import ELF_HEADER, PROGRAM_HEADER, PT_INTERP, PT_LOAD, NotRunnable, check_static_program

INTERPRETER = b"/lib64/ld-linux-x86-64.so.2\0"


def program(kind=2, machine=62, bits=2, order=1, entry=0x401000, segments=(PT_LOAD,), cut=0) -> bytes:
    """A small ELF file; the last segment's content is a path, as an interpreter's is."""
    identity = b"\x7fELF" + bytes([bits, order, 1]) + bytes(9)
    header = ELF_HEADER.pack(identity, kind, machine, 1, entry, ELF_HEADER.size, 0, 0, ELF_HEADER.size,
                             PROGRAM_HEADER.size, len(segments), 0, 0, 0)
    content = ELF_HEADER.size + PROGRAM_HEADER.size * len(segments)
    size = len(INTERPRETER)
    table = b"".join(PROGRAM_HEADER.pack(segment, 5, content, entry, entry, size, size, 1)
                     for segment in segments)
    data = header + table + INTERPRETER
    return data[: len(data) - cut]


class ElfTest(unittest.TestCase):
    def refused(self, data: bytes) -> str:
        with self.assertRaises(NotRunnable) as caught:
            check_static_program(data)
        return str(caught.exception)

    def test_static_programs_are_taken(self):
        check_static_program(program(kind=2))
        check_static_program(program(kind=3))  # static-pie

    def test_others_are_named_for_what_they_are(self):
        self.assertIn("ld-linux", self.refused(program(segments=(PT_LOAD, PT_INTERP))))
        self.assertIn("32-bit", self.refused(program(bits=1)))
        self.assertIn("big-endian", self.refused(program(order=2)))
        self.assertIn("another processor", self.refused(program(machine=183)))
        self.assertIn("object file", self.refused(program(kind=1)))
        self.assertIn("shared library", self.refused(program(kind=3, entry=0)))
        self.assertIn("nothing to load", self.refused(program(segments=())))
        self.assertIn("script", self.refused(b"#!/bin/sh\n"))

    def test_garbage_is_refused_without_a_crash(self):
        for data in (b"", b"\x7f", b"\x7fELF", b"hello", bytes(4096), b"\x7fELF" + bytes(range(200))):
            self.refused(data)

    def test_a_file_cut_anywhere_is_refused(self):
        size = len(program())
        for cut in range(1, size):
            self.refused(program(cut=cut))

    def test_header_table_beyond_the_file_is_refused(self):
        data = bytearray(program())
        struct.pack_into("<Q", data, 32, 1 << 60)
        self.assertIn("cut short", self.refused(bytes(data)))


if __name__ == "__main__":
    unittest.main()
