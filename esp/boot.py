"""One run of Quire in QEMU: its volume, its serial ports, its end.

COM1 carries the kernel's log and its console. In exec mode COM2 is the first process's stdin and stdout and
COM3 its stderr. The firmware uses COM1 and COM2 as consoles of its own, to write and to read, until the
loader leaves it; therefore nothing is sent on COM2, and what comes from it is dropped, until the kernel has
taken the port and says so with DLE 'S'. After that all bytes are raw, but that stdin is framed: DLE is sent
as DLE DLE, and DLE 'E' is the end of the file. The kernel ends a run by a last line on COM1 and a write to
the debug-exit port; both must be there and agree. """

import collections
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import BinaryIO

from esp import image
from esp.machine import DEBUG_EXIT_PORT, Machine, command_line

DLE = b"\x10"
START = DLE + b"S"
END_OF_FILE = DLE + b"E"
CHUNK = 65536
# Output that nobody has taken yet: above the first the machine is stopped, below the second it goes on.
BACKLOG_STOP = 4 << 20
BACKLOG_GO_ON = 1 << 20
# QEMU's exit status is (value << 1) | 1 of what is written to the debug-exit port.
STATUS_ORDERLY = 0x10 << 1 | 1
STATUS_PANIC = 0x11 << 1 | 1
STATUS_SELFTEST_FAILED = 0x12 << 1 | 1
COMMAND_LINE_PATH = "quire/cmdline.txt"
ARCHIVE_PATH = "quire/exec.cpio"
PR_SET_PDEATHSIG = 1

FINAL_LINE = re.compile(
    rb"quire: (?:exit status (?P<status>\d+)|exit signal (?P<signal>\d+)|(?P<panic>panic: .*)"
    rb"|selftest (?P<passed>\d+) passed, (?P<failed>\d+) failed)\r?$",
    re.MULTILINE,
)


@dataclass
class Outcome:
    """How a run ended."""

    qemu_status: int | None  # None: stopped by the time limit
    log: str  # path of what COM1 said
    exit_status: int | None = None
    exit_signal: int | None = None
    panic: str | None = None
    selftests: tuple[int, int] | None = None  # passed, failed
    qemu_messages: str = ""
    seconds: float = 0.0
    stdio_started: bool = True  # exec mode: the kernel took COM2

    @property
    def orderly(self) -> bool:
        """The run ended as the kernel meant it to: the last line and the debug-exit port agree."""
        if self.selftests is not None:
            return self.qemu_status == (STATUS_SELFTEST_FAILED if self.selftests[1] else STATUS_ORDERLY)
        if self.panic is not None or not self.stdio_started:
            return False
        ended = self.exit_status is not None or self.exit_signal is not None
        return ended and self.qemu_status == STATUS_ORDERLY

    def describe(self) -> str:
        """The outcome in one line."""
        if self.qemu_status is None:
            return f"timed out after {self.seconds:.0f} s"
        if self.panic is not None:
            return f"the kernel panicked: {self.panic.removeprefix('panic: ')}"
        if not self.stdio_started:
            return "the kernel never took the serial ports of stdin and stdout (stdio=serial)"
        if self.orderly:
            if self.selftests is not None:
                return f"self-tests: {self.selftests[0]} passed, {self.selftests[1]} failed"
            if self.exit_signal is not None:
                return f"killed by signal {self.exit_signal}"
            return f"exit status {self.exit_status}"
        if self.qemu_status == 0:
            return "the machine was reset or switched off without a last word (a triple fault?)"
        if self.qemu_status < 0:
            return f"QEMU was killed by signal {-self.qemu_status}"
        if self.qemu_status in (STATUS_ORDERLY, STATUS_PANIC, STATUS_SELFTEST_FAILED):
            return f"QEMU ended with status {self.qemu_status}, but the log lacks the last line for that"
        return f"QEMU failed with status {self.qemu_status}"


def read_outcome(qemu_status: int | None, log: str, qemu_messages: str, seconds: float) -> Outcome:
    """What the log and QEMU's exit status say together. What looks like the last line counts only if it is
    last."""
    outcome = Outcome(qemu_status, log, qemu_messages=qemu_messages, seconds=seconds)
    try:
        with open(log, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return outcome
    matches = list(FINAL_LINE.finditer(text))
    panics = [match for match in matches if match["panic"]]
    if panics:  # its report follows the line
        outcome.panic = panics[0]["panic"].decode(errors="replace")
    elif matches and not text[matches[-1].end() :].strip():
        last = matches[-1]
        if last["status"]:
            outcome.exit_status = int(last["status"])
        elif last["signal"]:
            outcome.exit_signal = int(last["signal"])
        else:
            outcome.selftests = (int(last["passed"]), int(last["failed"]))
    return outcome


def log_tail(log: str, lines: int = 40) -> str:
    """The end of a log, its escape codes taken out."""
    try:
        with open(log, "rb") as file:
            text = file.read()
    except FileNotFoundError:
        return ""
    text = re.sub(rb"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()].|[=>])", b"", text).replace(b"\r", b"")
    return "\n".join(text.decode(errors="replace").rstrip("\n").split("\n")[-lines:])


@dataclass
class Stdio:
    """What the first process's stdin, stdout and stderr are connected to: file descriptors of this process.

    Without `stdin` the process reads end of file at once."""

    stdin: int | None
    stdout: int
    stderr: int


@dataclass
class Boot:
    """What to boot: a machine, the loader's volume, and what this run adds to it."""

    machine: Machine
    esp: str | None  # image with the loader, as the build made it; None: `files` are all there is
    kernel_options: str = ""  # becomes \quire\cmdline.txt
    archive: bytes | None = None  # becomes \quire\exec.cpio
    files: dict[str, str] = field(default_factory=dict)  # more files: path on the volume -> path on the host
    log: str | None = None  # where COM1's words go; in the run's own folder when None
    as_disk: bool = False  # put the volume into a GPT, as on a USB stick
    serial: list[str] | None = None  # QEMU arguments for COM1; they must write `log` themselves
    timeout: float | None = None
    apart: bool = False  # not reached by the terminal's Ctrl-C


class Backlog:
    """Output of the machine on its way to a file descriptor.

    A UART cannot wait long for its reader, so what comes is taken at once; when too much of it piles up, the
    machine as a whole is stopped until the reader has caught up."""

    def __init__(self, target: int, process: subprocess.Popen):
        self._target = target
        self._process = process
        self._chunks: collections.deque[bytes] = collections.deque()
        self._size = 0
        self._stopped = False
        self._finished = False
        self._changed = threading.Condition()
        self.broken_pipe = False
        self._writer = threading.Thread(target=self._write_out, daemon=True)
        self._writer.start()

    def put(self, chunk: bytes) -> None:
        with self._changed:
            self._chunks.append(chunk)
            self._size += len(chunk)
            if self._size > BACKLOG_STOP and not self._stopped:
                self._stopped = True
                self._process.send_signal(signal.SIGSTOP)
            self._changed.notify()

    def finish(self) -> None:
        """Nothing more comes: return when all of it is written."""
        with self._changed:
            self._finished = True
            self._changed.notify()
        self._writer.join()

    def _write_out(self) -> None:
        try:
            while chunk := self._next():
                view = memoryview(chunk)
                while view:
                    view = view[os.write(self._target, view) :]
        except OSError:  # its reader is gone; so is the use of the run
            self.broken_pipe = True
            self._process.kill()

    def _next(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._chunks or self._finished)
            if not self._chunks:
                return b""
            chunk = self._chunks.popleft()
            self._size -= len(chunk)
            if self._stopped and self._size < BACKLOG_GO_ON:
                self._stopped = False
                self._process.send_signal(signal.SIGCONT)
            return chunk


class Run:
    """A run in progress; a context manager that leaves no process and no file behind but the log."""

    def __init__(self, boot: Boot, stdio: Stdio | None = None):
        self._boot = boot
        self._stdio = stdio
        self._process: subprocess.Popen | None = None
        self._messages: BinaryIO | None = None
        self._backlogs: list[Backlog] = []
        self._readers: list[threading.Thread] = []
        self._stdio_started = threading.Event()

    def __enter__(self) -> "Run":
        self.folder = tempfile.mkdtemp(prefix="quire.")
        try:
            self.log = self._boot.log or os.path.join(self.folder, "log.txt")
            self.image = self._make_image()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_exception) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._messages is not None:
            self._messages.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self) -> list[str]:
        """QEMU's command line, without the ports of exec mode."""
        serial = self._boot.serial
        if serial is None:
            serial = ["-chardev", f"file,id=log,path={self.log}", "-serial", "chardev:log"]
        return [*command_line(self._boot.machine, self.image), *serial,
                "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4"]

    def start(self) -> None:
        """Start the machine."""
        self._started = time.monotonic()
        self._messages = open(os.path.join(self.folder, "qemu.txt"), "w+b")
        self._start()

    def ended(self) -> bool:
        return self._process.poll() is not None

    def run(self) -> Outcome:
        """Start the machine, wait for its end, say how it was. BrokenPipeError when nobody reads its
        output."""
        self.start()
        status: int | None
        try:
            status = self._process.wait(self._boot.timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            status = None
        for reader in self._readers:
            reader.join()
        for backlog in self._backlogs:
            backlog.finish()
        if any(backlog.broken_pipe for backlog in self._backlogs):
            raise BrokenPipeError
        self._messages.seek(0)
        messages = self._messages.read().decode(errors="replace")
        outcome = read_outcome(status, self.log, messages, time.monotonic() - self._started)
        outcome.stdio_started = self._stdio is None or self._stdio_started.is_set()
        return outcome

    def _make_image(self) -> str:
        boot = self._boot
        additions = dict(boot.files)
        if boot.kernel_options:
            line = boot.kernel_options.encode("ascii") + b"\n"
            additions[COMMAND_LINE_PATH] = self._write("cmdline.txt", line)
        if boot.archive is not None:
            additions[ARCHIVE_PATH] = self._write("exec.cpio", boot.archive)
        if not additions and not boot.as_disk:
            return boot.esp
        volume = os.path.join(self.folder, "esp.img")
        if boot.esp is None:
            image.make_esp(volume, additions)
        elif boot.archive is not None and len(boot.archive) > image.ESP_SIZE // 2:
            loader = os.path.join(os.path.dirname(boot.esp), "esp", image.LOADER_PATH)
            additions[image.LOADER_PATH] = loader
            content = sum(map(os.path.getsize, additions.values()))
            image.make_esp(volume, additions, image.size_needed(content))
        else:
            image.copy_sparse(boot.esp, volume)
            image.add_files(volume, additions)
        if not boot.as_disk:
            return volume
        disk = os.path.join(self.folder, "disk.img")
        image.wrap_in_gpt(volume, disk)
        return disk

    def _write(self, name: str, content: bytes) -> str:
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def _start(self) -> None:
        command = self.command()
        guest_ends: list[socket.socket] = []
        ours: list[socket.socket] = []
        if self._stdio is not None:
            for name in ("stdio", "stderr"):
                host, guest = socket.socketpair()
                ours.append(host)
                guest_ends.append(guest)
                command += ["-chardev", f"socket,id={name},fd={guest.fileno()}", "-serial", f"chardev:{name}"]
        interactive = self._boot.serial is not None
        self._process = subprocess.Popen(
            command,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=None if interactive else self._messages,
            stderr=None if interactive else self._messages,
            pass_fds=[end.fileno() for end in guest_ends],
            start_new_session=self._boot.apart,
            preexec_fn=_die_with_parent,
        )
        for end in guest_ends:
            end.close()
        if self._stdio is not None:
            self._connect(*ours)

    def _connect(self, stdio: socket.socket, stderr: socket.socket) -> None:
        for port, target, receive in ((stdio, self._stdio.stdout, self._receive_stdout),
                                      (stderr, self._stdio.stderr, self._receive_all)):
            backlog = Backlog(target, self._process)
            reader = threading.Thread(target=receive, args=(port, backlog), daemon=True)
            reader.start()
            self._backlogs.append(backlog)
            self._readers.append(reader)

    def _receive_stdout(self, port: socket.socket, backlog: Backlog) -> None:
        firmware = b""
        while chunk := _receive(port):
            before, start, output = (firmware + chunk).partition(START)
            if start:
                self._stdio_started.set()
                threading.Thread(target=self._send_stdin, args=(port,), daemon=True).start()
                if output:
                    backlog.put(output)
                self._receive_all(port, backlog)
                return
            firmware = before[-1:]  # may be the first half of the sign

    def _receive_all(self, port: socket.socket, backlog: Backlog) -> None:
        while chunk := _receive(port):
            backlog.put(chunk)

    def _send_stdin(self, port: socket.socket) -> None:
        try:
            while self._stdio.stdin is not None and (chunk := os.read(self._stdio.stdin, CHUNK)):
                port.sendall(chunk.replace(DLE, DLE + DLE))
        except OSError:  # the machine is gone, or stdin cannot be read: end of file either way
            pass
        try:
            port.sendall(END_OF_FILE)
        except OSError:
            pass


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(CHUNK)
    except ConnectionResetError:  # QEMU ended with unread input
        return b""


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    """In the child: QEMU shall not outlive the command that started it, even if that is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
