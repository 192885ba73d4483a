"""The commands of esp/quire_gdb.py in gdb: on a machine stopped where a shell ends its second child, on one
with four processors, and on one where programs were ended for bad accesses. Then a machine whose console is
the terminal, while gdb runs elsewhere.

usage: gdb.py QUIRE FAULTING_PROGRAM

The last line is "N passed, M failed"."""

import os
import pty
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time

PATIENCE = 90
BUSYBOX = "/bin/busybox"
SCRIPT = "/bin/busybox true; /bin/busybox true; exit 3"
STOP = ["hbreak sys_exit_group", "continue"]
# Two loops on four processors, and a stop in the shell's next child.
LOOPS = "while :; do :; done & while :; do :; done & sleep 0.2; /bin/busybox true; exit 3"
# Command, and what its answer must match.
COMMANDS = [
    ("quire ps", r"PID +PPID.*\n +1 +0 +1 +\d+ +\d+ +busybox\n +2 +1 +1 +\d+ +\d+ +running +busybox"),
    ("quire threads", r"thread 1 of busybox \(1\): blocked\n(  #\d+ .*\n)*  #\d+ .*process_wait"),
    ("quire threads 0", r"kernel thread idle 0: run.*\n(.*\n)*kernel thread screen: .*\n(  #\d+ .*\n)*"
                        r"  #\d+ .*refresh_run"),
    ("quire walk 0x400000",
     r"level 4 PML4 .*PWUA.*\n(.*\n)*  physical 0x[0-9a-f]+: readable, not writable, not executable, "
                            r"by user and kernel"),
    ("quire walk 0xffffffff80000000 1",
     r"physical 0x[0-9a-f]+: readable, not writable, executable, by the kernel only"),
    ("quire map", r"0000000000401000-.* r-x user\n(.*\n)*\d+ ranges, \d+ KiB"),
    ("quire map 0", r"ffff800000000000-.* rw- kernel\n(.*\n)*ffffffff80000000-.* r-x kernel"),
    ("quire regions 1", r"000000401000-[0-9a-f]+ r-xp file at 0x1000\n(.*\n)*.* rw-p \[stack\]"),
    ("quire frame $cr3 >> 12", r"physical 0x[0-9a-f]+: FRAME_TABLE, count 1"),
    # The code of the program: a page of the archive, which both processes map.
    ("python gdb.execute(f'quire frame {translate(loaded_root(), 0x401000) >> 12}')",
     r"FRAME_FILE, count 3.*\n(.*\n)*  mapped by busybox \(2\) at 0x401000 r-x user\n$"),
    ("quire regs", r"on: .*WP.*NXE(.*\n)*.*sys_exit_group(.*\n)*tables: busybox \(2\)"),
    ("quire log 3", r"\[ +\d+\.\d+\] .*\n"),
    ("quire why", r"no program has been ended by an exception yet"),
]


def session(quire: str, commands: list[str], program: list[str]) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as script:
        script.write("\n".join(commands) + "\n")
        script.flush()
        arguments = [quire, "gdb", "--gdb=-batch", "--gdb=-x", f"--gdb={script.name}", *program]
        result = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=120,
                                env={**os.environ, "QUIRE_NO_BUILD": "1"})
    return result.stdout


FOUR_COMMANDS = [
    ("quire ps", r"( +\d+ +1 +1 +\d+ +\d+ +running +busybox\n.*){2}"),
    ("quire threads", r"thread \d+ of busybox \(\d+\): running on processor [0-3]\n"),
    ("quire threads 0", r"kernel thread idle [0-3]: running on processor [0-3]\n  #0 "),
    ("info threads", r"1 +Thread 1.1 .*\n(.*\n)*.*4 +Thread 1.4 "),
]
FAULT_COMMANDS = [
    ("quire why", r"attack-null \(\d+\): #PF page fault at 0x[0-9a-f]+ .*\nit was a user (fetch|read|write) "
                  r"of 0x[0-9a-f]+; no page was there\n  level 4 PML4 (.*\n)*.*<- refused\n  in no region"),
]


def try_commands(quire: str, tried: list[tuple[str, str]], arguments: list[str]) -> tuple[int, int]:
    commands = list(STOP)
    for number, (command, _pattern) in enumerate(tried):
        commands += [f"echo <<{number}>>\\n", command.replace("$cr3 >> 12", "$cr3>>12")]
    text = session(quire, [*commands, "echo <<end>>\\n"], arguments)
    failed = 0
    for number, (command, pattern) in enumerate(tried):
        part = re.search(rf"<<{number}>>\n(.*?)<<", text, re.DOTALL)
        if part is None or not re.search(pattern, part[1]):
            failed += 1
            print(f"not ok {command}: {part[1] if part else 'no answer'}")
    if failed == len(tried):
        print(text)
    return len(tried) - failed, failed


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, command: list[str]):
        self.said = b""
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.environ["QUIRE_NO_BUILD"] = "1"
            os.execvp(command[0], command)

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def wait_for(self, pattern: str) -> re.Match | None:
        """The pattern's match in all that was said, or None when it does not come."""
        deadline = time.monotonic() + PATIENCE
        while (match := re.search(pattern, self.said.decode(errors="replace"))) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._file], [], [], left)[0]:
                return None
            try:
                self.said += os.read(self._file, 65536)
            except OSError:  # the command has ended
                return None
        return match

    def end(self) -> int:
        """Its exit status, once it has said all."""
        self.wait_for("(?!)")
        os.close(self._file)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def console_elsewhere(quire: str) -> bool:
    """gdb --console: the shell is on the terminal, gdb in another stops it, and both go on."""
    terminal = Terminal([quire, "gdb", "--console", "--append", "-- /bin/busybox sh"])
    told = terminal.wait_for(r"quire: waiting for gdb: (.*)\r\n")
    if told is None:
        print(f"not ok gdb --console: {terminal.said!r}")
        return False
    commands = ["hbreak sys_uname", "continue", "backtrace 1", "delete", "continue"]
    debugger = subprocess.Popen([*shlex.split(told[1]), "-batch", *(w for c in commands for w in ("-ex", c))],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    steps = [(r"/ # ", "uname -s\r"), (r"\nQuire\r+\n/ # ", "exit 5\r")]
    answered = all(terminal.wait_for(pattern) and terminal.type(text) is None for pattern, text in steps)
    status = terminal.end()
    stopped = "#0  sys_uname" in debugger.communicate(timeout=PATIENCE)[0]
    if answered and stopped and status == 0:
        return True
    said = terminal.said.decode(errors="replace")
    print(f"not ok gdb --console: stopped {stopped}, status {status}: {said}")
    return False


def main() -> int:
    quire, faulting = sys.argv[1:3]
    results = [
        try_commands(quire, COMMANDS, [BUSYBOX, "sh", "-c", SCRIPT]),
        try_commands(quire, FOUR_COMMANDS, ["--cpus", "4", BUSYBOX, "sh", "-c", LOOPS]),
        try_commands(quire, FAULT_COMMANDS, [faulting]),
    ]
    results.append((1, 0) if console_elsewhere(quire) else (0, 1))
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
