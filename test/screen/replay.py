"""A recorded run replays: the same log, the same instruction at the same place, and backwards.

usage: replay.py QUIRE

The last line is "N passed, M failed"."""

import os
import re
import subprocess
import sys
import tempfile

BUSYBOX = "/bin/busybox"
# Forward to the end of the program, one instruction back, and forward again.
COMMANDS = """hbreak sys_exit_group
continue
printf "<<at %#lx of %d>>\\n", $rip, $rdi
reverse-stepi
printf "<<before %#lx>>\\n", $rip
stepi
printf "<<again %#lx>>\\n", $rip
"""


def quire_run(quire: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([quire, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=180,
                          env={**os.environ, "QUIRE_NO_BUILD": "1"})


def main() -> int:
    quire = sys.argv[1]
    results: list[tuple[str, bool]] = []
    with tempfile.TemporaryDirectory() as folder:
        place = os.path.join(folder, "recording")
        recorded = quire_run(quire, "record", "--folder", place, BUSYBOX, "sh", "-c", "exit 42")
        results.append((f"recorded: {recorded.stderr}", recorded.returncode == 42))
        replayed = quire_run(quire, "replay", "--folder", place)
        results.append((f"replayed: {replayed.stderr}", replayed.returncode == 0
                        and "the same" in replayed.stderr))
        script = os.path.join(folder, "commands.gdb")
        with open(script, "w") as file:
            file.write(COMMANDS)
        back = quire_run(quire, "replay", "--folder", place, "--debug", "--gdb=-batch", "--gdb=-x",
                         f"--gdb={script}").stdout
        steps = re.search(r"<<at (\S+) of 42>>.*<<before (\S+)>>.*<<again (\S+)>>", back, re.DOTALL)
        results.append((f"back and forth: {back}", steps and steps[1] == steps[3] and steps[1] != steps[2]))
    for what, good in results:
        if not good:
            print(f"not ok {what}")
    failed = sum(not good for _, good in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
