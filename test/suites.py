"""The suites of tests: running them, once or in rounds, and counting what passed.

meson runs the tests; each result of a test that speaks TAP counts as one."""

import contextlib
import json
import os
import re
import subprocess

DEFAULT = ("unit", "boot", "kernel", "user", "smp", "screen", "lint")
ALL = DEFAULT + ("matrix", "smp-long", "x2apic")

SUBTEST = re.compile(r"^(not )?ok \d+", re.MULTILINE)


def run(build: str, suites: tuple[str, ...], rounds: int) -> int:
    """Run the suites and print "N passed, M failed"; the exit status. Each round has another seed for the
    random numbers of its machines, from the one in the environment on."""
    passed = failed = status = 0
    first = int(os.environ.get("QUIRE_SEED", "1"))
    for number in range(1, rounds + 1):
        result = run_once(build, suites, seed=first + number - 1)
        status |= result[0]
        passed += result[1]
        failed += result[2]
        if rounds > 1:
            print(f"round {number} of {rounds}: {result[1]} passed, {result[2]} failed", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if status == 0 and failed == 0 and passed > 0 else 1


def run_once(build: str, suites: tuple[str, ...], seed: int) -> tuple[int, int, int]:
    """meson's status, what passed, what failed."""
    command = ["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs"]
    for suite in suites:
        command += ["--suite", suite]
    log = os.path.join(build, "meson-logs/testlog.json")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(log)
    environment = {**os.environ, "QUIRE_SEED": str(seed)}
    status = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode
    return status, *count_results(log)


def count_results(log: str) -> tuple[int, int]:
    """Passed and failed tests of a meson log; each result of one that has several counts."""
    passed = failed = 0
    with contextlib.suppress(FileNotFoundError), open(log) as file:
        for line in file:
            test = json.loads(line)
            result = test["result"]
            subtests = SUBTEST.findall(test.get("stdout") or "")
            good = subtests.count("")
            bad = len(subtests) - good
            if result in ("OK", "EXPECTEDFAIL"):
                passed += max(good, 1)
            elif result != "SKIP":
                passed += good
                failed += max(bad, 1)
    return passed, failed
