"""One gdb session per command of esp/quire_gdb.py, on a machine stopped where a shell ends its second child.

usage: gdb.py QUIRE

The last line is "N passed, M failed"."""

import os
import re
import subprocess
import sys
import tempfile

BUSYBOX = "/bin/busybox"
SCRIPT = "/bin/busybox true; /bin/busybox true; exit 3"
STOP = ["hbreak sys_exit_group", "continue"]
# Command, and what its answer must match.
COMMANDS = [
    ("quire ps", r"PID +PPID.*\n +1 +0 +1 +\d+ +\d+ +busybox\n +2 +1 +1 +\d+ +\d+ +running +busybox"),
    ("quire threads", r"thread 1 of busybox \(1\): blocked\n(  #\d+ .*\n)*  #\d+ .*process_wait"),
    ("quire walk 0x400000",
     r"level 4 PML4 .*PWUA.*\n(.*\n)*  physical 0x[0-9a-f]+: readable, not writable, not executable, "
                            r"by user and kernel"),
    ("quire walk 0xffffffff80000000 1",
     r"physical 0x[0-9a-f]+: readable, not writable, executable, by the kernel only"),
    ("quire map", r"0000000000401000-.* r-x user\n(.*\n)*\d+ ranges, \d+ KiB"),
    ("quire map 0", r"ffff800000000000-.* rw- kernel\n(.*\n)*ffffffff80000000-.* r-x kernel"),
    ("quire regions 1", r"000000401000-[0-9a-f]+ r-xp file at 0x1000\n(.*\n)*.* rw-p \[stack\]"),
    ("quire frame $cr3 >> 12", r"physical 0x[0-9a-f]+: FRAME_TABLE, count 1"),
    # The code of the program that ends: its own copy.
    ("python gdb.execute(f'quire frame {translate(loaded_root(), 0x401000) >> 12}')",
     r"FRAME_ANONYMOUS, count 1.*\n  mapped by busybox \(2\) at 0x401000 r-x user\n$"),
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


def main() -> int:
    quire = sys.argv[1]
    commands = list(STOP)
    for number, (command, _pattern) in enumerate(COMMANDS):
        commands += [f"echo <<{number}>>\\n", command.replace("$cr3 >> 12", "$cr3>>12")]
    text = session(quire, [*commands, "echo <<end>>\\n"], [BUSYBOX, "sh", "-c", SCRIPT])
    failed = 0
    for number, (command, pattern) in enumerate(COMMANDS):
        part = re.search(rf"<<{number}>>\n(.*?)<<", text, re.DOTALL)
        if part is None or not re.search(pattern, part[1]):
            failed += 1
            print(f"not ok {command}: {part[1] if part else 'no answer'}")
    if failed == len(COMMANDS):
        print(text)
    print(f"{len(COMMANDS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
