"""Run one program of userland/ on this machine's Linux: what it expects of Quire, Linux must answer too.

usage: linux.py PROGRAM [ARGUMENTS...]

CHECK_KERNEL=linux tells it where Linux differs by design, and to attack resources within limits only;
CHECK_TIME=host, that others take their part of the time."""

import os
import resource
import signal
import subprocess
import sys

TIMEOUT = 60
MEMORY_LIMIT = 2 << 30


def prepare() -> None:
    # A shell without job control lets what it starts in the background ignore them.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, resource.RLIM_INFINITY))


def main() -> int:
    environment = {"PATH": "/bin:/usr/bin", "CHECK_KERNEL": "linux", "CHECK_TIME": "host"}
    process = subprocess.Popen(
        sys.argv[1:], env=environment, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=prepare
    )
    try:
        return 0 if process.wait(TIMEOUT) == 0 else 1
    except subprocess.TimeoutExpired:
        print(f"no end within {TIMEOUT} s")
        return 1
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)  # whatever it left behind
        except ProcessLookupError:
            pass


if __name__ == "__main__":
    sys.exit(main())
