"""The commands of esp/quire_gdb.py in gdb: on a machine stopped where a shell ends its second child, on one
with four processors, and on one where programs were ended for bad accesses.

usage: gdb.py QUIRE FAULTING_PROGRAM

The last line is "N passed, M failed"."""

import os
import re
import subprocess
import sys
import tempfile

BUSYBOX = "/bin/busybox"
SCRIPT = "/bin/busybox true; /bin/busybox true; exit 3"
STOP = ["hbreak sys_exit_group", "continue"]
# Two loops on four processors, and a stop in the shell's next child.
LOOPS = "while :; do :; done & while :; do :; done & sleep 0.2; /bin/busybox true; exit 3"
# Command, and what its answer must match.
COMMANDS = [
    ("quire ps", r"PID +PPID.*\n +1 +0 +1 +\d+ +\d+ +busybox\n +2 +1 +1 +\d+ +\d+ +running +busybox"),
    ("quire threads", r"thread 1 of busybox \(1\): blocked\n(  #\d+ .*\n)*  #\d+ .*process_wait"),
    ("quire threads 0", r"kernel thread idle 0: run.*\n(.*\n)*kernel thread screen: \w+\n(  #\d+ .*\n)*"
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


def main() -> int:
    quire, faulting = sys.argv[1:3]
    results = [
        try_commands(quire, COMMANDS, [BUSYBOX, "sh", "-c", SCRIPT]),
        try_commands(quire, FOUR_COMMANDS, ["--cpus", "4", BUSYBOX, "sh", "-c", LOOPS]),
        try_commands(quire, FAULT_COMMANDS, [faulting]),
    ]
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
