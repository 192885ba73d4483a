"""Is a file something Quire can run? Says why not, in one line, before a machine is started for it."""

import struct

ET_EXEC, ET_DYN = 2, 3
EM_X86_64 = 62
PT_LOAD, PT_INTERP = 1, 3
ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")


class NotRunnable(Exception):
    """The file is no static x86-64 Linux program; the message says what it is instead."""


def check_static_program(data: bytes) -> None:
    """Return when `data` is a static program for x86-64, position-independent or not; else raise
    NotRunnable."""
    if data[:2] == b"#!":
        raise NotRunnable("a script: run its interpreter and bring the script along with --add")
    if data[:4] != b"\x7fELF":
        raise NotRunnable("not an ELF file")
    if len(data) < ELF_HEADER.size:
        raise NotRunnable("an ELF file cut short")
    if data[4] != 2:
        raise NotRunnable("a 32-bit program: Quire runs x86-64 programs")
    if data[5] != 1:
        raise NotRunnable("a big-endian program: Quire runs x86-64 programs")
    fields = ELF_HEADER.unpack_from(data)
    _, kind, machine, _, _, header_offset, _, _, _, header_size, header_count, *_ = fields
    if machine != EM_X86_64:
        raise NotRunnable(f"a program for another processor (ELF machine {machine}, not x86-64)")
    if kind not in (ET_EXEC, ET_DYN):
        raise NotRunnable("an ELF file, but no program (an object file or a core dump)")
    if header_size != PROGRAM_HEADER.size or header_offset + header_count * header_size > len(data):
        raise NotRunnable("an ELF file cut short")
    headers = [PROGRAM_HEADER.unpack_from(data, header_offset + i * header_size) for i in range(header_count)]
    for header in headers:
        if header[0] == PT_INTERP:
            interpreter = data[header[2] : header[2] + header[5]].rstrip(b"\0").decode(errors="replace")
            raise NotRunnable(f"dynamically linked (it wants {interpreter}): build it with -static")
    loads = [header for header in headers if header[0] == PT_LOAD]
    if not loads:
        raise NotRunnable("an ELF file with nothing to load")
    if any(header[2] + header[5] > len(data) for header in loads):
        raise NotRunnable("an ELF file cut short")
    if fields[4] == 0:
        raise NotRunnable("a shared library, not a program")
