"""What each operation costs elsewhere, and what Quire aims for: guest instructions per operation.

Measured once under QEMU 7.2's emulation at one tick an instruction, one processor, without ERMS and FSRM
(which make a repeated string instruction count each byte). "Linux" is Debian 6.1.192 as it comes, "lean"
the same kernel with mitigations=off init_on_alloc=0 apparmor=0 audit=0. The teaching kernels and ToaruOS
ran small programs of their own."""

from dataclasses import dataclass


@dataclass
class Operation:
    """A row: kbench's name of it, what it is, figures where there are any."""

    name: str
    what: str
    linux: int | None
    lean: int | None
    aim: int | None
    peers: str = ""
    limit: int | None = None  # the test suite fails above this


OPERATIONS = [
    Operation("getpid", "getpid, with the library's syscall()", 344, 344, 90,
              "Chickadee 77, ToaruOS 241, xv6 581", 107),
    Operation("read-zero", "read 1 byte of /dev/zero", 687, 657, 220, limit=286),
    Operation("write-null", "write 1 byte to /dev/null", 611, 581, 200, "ToaruOS 399", 200),
    Operation("yield", "sched_yield, two processes, each", 1929, 1856, 400,
              "ToaruOS 576, Chickadee 780, xv6 1581", 520),
    Operation("pipe-ping-pong", "pipe ping-pong, 1 byte, round trip", 12686, 13313, 2500,
              "ToaruOS 3144, xv6 11196", 4500),
    Operation("pipe-64k", "pipe, 64 KiB written and read", 218436, 43161, 22000, limit=19100),
    Operation("fork", "fork, exit, wait: small", 197004, 104739, 35000,
              "ToaruOS 186323, xv6 2018078", 35500),
    Operation("fork-64m", "fork, exit, wait: 64 MiB dirty", 6769806, 6481120, 1500000, limit=1620000),
    Operation("exec", "fork, exec, exit, wait", 439259, 250040, 80000, "ToaruOS 384435, xv6 4130500"),
    Operation("fault", "anonymous fault, a page of 4 KiB", 6939, 3350, 1100, "xv6 4659, Chickadee 16754",
              limit=1370),
    Operation("fault-huge", "the same, of pages of 2 MiB", None, None, None),
    Operation("copy-on-write", "copy-on-write fault, a page", 11689, 3984, 1400, limit=1530),
    Operation("map", "mmap, munmap 4 KiB, untouched", 13161, 10607, 1500, limit=1960),
    Operation("map-1m", "mmap, touch, munmap 1 MiB", 2023164, 1082096, 300000, limit=405000),
    Operation("protect", "mprotect twice, and a touch", 5658, 5725, 1800, limit=2070),
    Operation("signal", "signal to self, handler, return", 4175, 3738, 1300, limit=2400),
    Operation("clock-call", "clock_gettime, the system call", 478, 461, 150, limit=224),
    Operation("clock-library", "clock_gettime, the library's", 79, 79, 70),
    Operation("thread", "thread, create and join", 119994, 66426, 12000, limit=18000),
    Operation("futex-ping-pong", "futex ping-pong, two threads", 9493, 9355, 2500, limit=3300),
    Operation("open-read-close", "open, read, close a small file", 11064, 7059, 2000, limit=2950),
    Operation("stat", "stat", 6954, 3094, 900, limit=1460),
]

MEMORY = "512M"  # of the machine that is measured
BOOT = Operation("boot", "kernel entry to first user instruction", 1_590_000_000, None, 3_000_000,
                 "Chickadee 302 M, xv6 65 M, WeensyOS 0.8 M")
MEMORY_TAKEN = Operation("memory", f"bytes taken of {MEMORY}", 90_177_536, None, 8 << 20)
