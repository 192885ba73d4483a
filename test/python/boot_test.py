"""Runs without a machine: how their end is read, how their output is passed on, QEMU's command lines."""

import os
import signal
import subprocess
import tempfile
import time
import unittest

from esp.boot import Backlog, read_outcome
from esp.machine import Machine, MachineError, command_line, memory_bytes


class OutcomeTest(unittest.TestCase):
    def outcome(self, qemu_status, text: bytes):
        with tempfile.NamedTemporaryFile() as log:
            log.write(text)
            log.flush()
            return read_outcome(qemu_status, log.name, "", 1.0)

    def test_an_orderly_end_needs_the_line_and_the_port(self):
        ended = self.outcome(33, b"log\r\nquire: exit status 7\r\n")
        self.assertTrue(ended.orderly)
        self.assertEqual(ended.exit_status, 7)
        self.assertEqual(self.outcome(33, b"quire: exit signal 11\n").exit_signal, 11)
        for status in (0, 1, 35, 37, -9, None):
            self.assertFalse(self.outcome(status, b"quire: exit status 0\n").orderly, status)
        self.assertFalse(self.outcome(33, b"log\n").orderly)
        self.assertFalse(self.outcome(33, b"").orderly)

    def test_a_program_cannot_fake_the_last_line_in_the_middle(self):
        self.assertFalse(self.outcome(33, b"quire: exit status 0\nand more\n").orderly)
        self.assertFalse(self.outcome(33, b"xquire: exit status 0 \n").orderly)

    def test_a_panic_is_never_orderly(self):
        ended = self.outcome(35, b"quire: panic: out of luck\nbacktrace\n")
        self.assertFalse(ended.orderly)
        self.assertIn("out of luck", ended.describe())
        self.assertFalse(self.outcome(33, b"quire: panic: x\nquire: exit status 0\n").orderly)

    def test_self_tests_must_agree_with_the_port(self):
        self.assertTrue(self.outcome(33, b"quire: selftest 12 passed, 0 failed\n").orderly)
        self.assertTrue(self.outcome(37, b"quire: selftest 12 passed, 1 failed\n").orderly)
        self.assertFalse(self.outcome(33, b"quire: selftest 12 passed, 1 failed\n").orderly)
        self.assertFalse(self.outcome(37, b"quire: selftest 12 passed, 0 failed\n").orderly)

    def test_a_reset_is_named(self):
        self.assertIn("triple fault", self.outcome(0, b"log\n").describe())
        self.assertIn("timed out", self.outcome(None, b"log\n").describe())

    def test_a_missing_log_is_an_empty_one(self):
        self.assertFalse(read_outcome(33, "/nonexistent/log", "", 1.0).orderly)


class BacklogTest(unittest.TestCase):
    def state(self, process: subprocess.Popen) -> str:
        with open(f"/proc/{process.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]

    def wait_for_state(self, process: subprocess.Popen, wanted: str) -> None:
        deadline = time.monotonic() + 10
        while self.state(process) not in wanted:
            self.assertLess(time.monotonic(), deadline, f"state {self.state(process)}, not {wanted}")
            time.sleep(0.01)

    def test_the_machine_stops_while_its_reader_is_behind(self):
        reader, writer = os.pipe()
        with subprocess.Popen(["sleep", "60"]) as process:
            backlog = Backlog(writer, process)
            sent = bytes(range(256)) * 4096
            for _ in range(6):
                backlog.put(sent)
            self.wait_for_state(process, "T")
            received = b""
            while len(received) < 6 * len(sent):
                received += os.read(reader, 1 << 20)
            self.assertEqual(received, sent * 6)
            self.wait_for_state(process, "SR")
            backlog.finish()
            process.kill()
        self.assertFalse(backlog.broken_pipe)
        os.close(reader)
        os.close(writer)

    def test_a_gone_reader_ends_the_machine(self):
        reader, writer = os.pipe()
        os.close(reader)
        with subprocess.Popen(["sleep", "60"]) as process:
            backlog = Backlog(writer, process)
            backlog.put(b"x")
            self.assertEqual(process.wait(timeout=10), -signal.SIGKILL)
            backlog.finish()
        self.assertTrue(backlog.broken_pipe)
        os.close(writer)


class MachineTest(unittest.TestCase):
    def test_memory_sizes(self):
        for size, wanted in (("64", 64 << 20), ("64M", 64 << 20), ("3g", 3 << 30), ("1T", 1 << 40)):
            self.assertEqual(memory_bytes(size), wanted)
        for size in ("", "0", "-1", "M", "1.5G", "64MB"):
            with self.assertRaises(MachineError, msg=size):
                memory_bytes(size)

    @unittest.skipUnless(os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"), "no firmware installed")
    def test_the_command_line_follows_the_description(self):
        line = " ".join(command_line(Machine(memory="512G", media="nvme"), "a,b.img"))
        self.assertIn("size=549755813888,reserve=off", line)
        self.assertIn("memory-backend=ram", line)
        self.assertIn("file=a,,b.img", line)
        self.assertIn("nvme,drive=boot", line)
        self.assertIn("-icount", line)
        self.assertNotIn("-icount", command_line(Machine(deterministic=False), "x"))
        self.assertNotIn("-icount", command_line(Machine(accel="kvm"), "x"))


if __name__ == "__main__":
    unittest.main()
