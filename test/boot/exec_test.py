#!/usr/bin/env python3
"""`./quire exec` end to end, as a person or a script would use it. Each case boots, so each is a test of its
own."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("QUIRE_BUILD") or os.path.join(ROOT, "build")
FIRST = os.path.join(BUILD, "test/boot/first")
HELLO = b"hello from the first process\n"
TIME_LIMIT = 100
STAMP = re.compile(r"^\[ *([0-9.]+)\]")


def quire(*arguments: str, stdin: bytes = b"", cwd: str = ROOT) -> subprocess.CompletedProcess:
    """Run `./quire exec --timeout ... arguments`, its output captured."""
    command = [os.path.join(ROOT, "quire"), "exec", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=TIME_LIMIT + 30, cwd=cwd)


class Exec(unittest.TestCase):
    def ran(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        return quire("--timeout", str(TIME_LIMIT), *arguments, **options)

    def test_output(self):
        result = self.ran(FIRST, "hello")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (42, HELLO, b""))

    def test_input(self):
        """Every byte, and every pair that could be taken for a sign of the protocol."""
        sent = bytes(range(256)) * 20 + b"\x10E\x10\x10S\x10\x10\x10E\r\n\x04\x03\x1a" + b"x" * 5000
        result = self.ran(FIRST, "copy", stdin=sent)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(result.stdout, sent)

    def test_words(self):
        """Arguments of any bytes, the program's name as typed, and the environment."""
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(FIRST, os.path.join(folder, "first program"))
            words = ["", "a b", '"', "\\", "\u00e4\u20ac", "--", "-h", "line\nbreak", "\x7f\x01", "init=/x"]
            result = self.ran("--env", "COLOUR=dark red", "./first program", "words", *words, cwd=folder)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.decode(), "\n".join(["./first program", "words", *words]) + "\n")
        self.assertIn(b"COLOUR=dark red\n", result.stderr)

    def test_status(self):
        result = self.ran(FIRST, "status", "200")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (200, b"", b""))

    def test_signal(self):
        self.assertEqual(self.ran(FIRST, "crash").returncode, 128 + signal.SIGSEGV)

    def test_memory_that_fails(self):
        result = self.ran("--append", "fail=frame,random,1,1", FIRST, "hello")
        self.assertEqual(result.returncode, 128 + signal.SIGKILL)

    def test_time_limit(self):
        result = quire("--timeout", "10", FIRST, "spin")
        self.assertEqual(result.returncode, 124)
        self.assertIn(b"timed out", result.stderr)

    def test_panic(self):
        result = self.ran("--append", "selftest=panic", FIRST, "hello")
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"panic", result.stderr)

    def test_repeated(self):
        """Two deterministic runs leave the same log, at the same times to the millisecond: when the kernel is
        entered depends on how the firmware found the volume, and on that, where timer interrupts fall."""
        logs, stamps = [], []
        with tempfile.TemporaryDirectory() as folder:
            for number in range(2):
                log = os.path.join(folder, f"log{number}.txt")
                self.assertEqual(self.ran("--deterministic", "--log", log, FIRST, "hello").returncode, 42)
                with open(log, encoding="utf-8", errors="replace") as file:
                    lines = [line for line in file if "entered at tick" not in line]
                logs.append([STAMP.sub("", line) for line in lines])
                stamps.append([float(found[1]) for found in map(STAMP.match, lines) if found])
        self.assertEqual(logs[0], logs[1])
        for one, other in zip(*stamps):
            self.assertAlmostEqual(one, other, delta=0.001)

    def test_refusals(self):
        """What cannot be run is said in one line, without a machine being started."""
        cases = [
            (127, b"no such file", ["/nonexistent/program"]),
            (127, b"no such file", ["no-program-of-this-name"]),
            (126, b"not a regular file", ["/tmp"]),
            (126, b"dynamically linked", [shutil.which("bash")]),
            (126, b"script", [__file__]),
            (126, b"not an ELF file", [os.path.join(ROOT, "README.md")]),
            (2, b"required", []),
            (2, b"--memory", ["--memory"]),
            (2, b"not a memory size", ["--memory", "huge", FIRST]),
            (2, b"invalid", ["--cpus", "0", FIRST]),
            (2, b"HOST:GUEST", ["--add", "/etc/passwd", FIRST]),
            (2, b"NAME=VALUE", ["--env", "=x", FIRST]),
        ]
        for status, reason, arguments in cases:
            with self.subTest(arguments=arguments):
                result = quire(*arguments)
                self.assertEqual(result.returncode, status, result.stderr)
                self.assertIn(reason, result.stderr)
                self.assertEqual((result.stdout, result.stderr.count(b"\n")), (b"", 1))


if __name__ == "__main__":
    unittest.main()
