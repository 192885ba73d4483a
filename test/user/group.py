"""Boot Quire once, run a group of test programs in it, and count their verdicts.

usage: group.py [--add PATH]... ESP_IMAGE
       (--run-tests GROUP NAMES | --run-failing HOW GROUP NAMES | --script FILE | --program NAME EXPECTED)

Every program that was to run must have reported: "ok NAME". The last line is "N passed, M failed"."""

import argparse
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
sys.dont_write_bytecode = True

from esp.boot import Boot, Outcome, Run, Stdio, log_tail  # noqa: E402
from esp.cpio import Writer  # noqa: E402
from esp.machine import TURN, Machine  # noqa: E402
from esp.words import quote  # noqa: E402

VERDICT = re.compile(r"^(ok|not ok) ([^\s:]+)(?:: (.*))?$", re.MULTILINE)
SCRIPT_TEST = re.compile(r"^expect (\S+)", re.MULTILINE)
OPTIONS = "console=log stdio=serial debug-exit=0xf4"


def boot(options: argparse.Namespace, program: str, arguments: list[str]) -> tuple[Outcome, str]:
    """Run a program of the archive as the first process: how it went, and what it wrote."""
    archive = None
    if options.add:
        writer = Writer()
        for path in options.add:
            writer.add_from_host(path, f"bin/{os.path.basename(path)}")
        archive = writer.bytes()
    # Without a screen: faults are logged, and drawing their log would take most of the time.
    machine = Machine(
        cpus=options.cpus, memory=options.memory, cpu=options.cpu, display=[],
        deterministic=not options.free_running, turn=options.turn,
    )
    time = "env.CHECK_TIME=host" if options.free_running else ""
    words = f"{OPTIONS} {options.append} {time} init={program} -- " + " ".join(map(quote, arguments))
    with tempfile.TemporaryFile() as output:
        request = Boot(machine, options.esp, words, archive, timeout=options.timeout)
        with Run(request, Stdio(None, output.fileno(), output.fileno())) as run:
            outcome = run.run()
            tail = log_tail(run.log)
            if options.log_has and outcome.orderly and not log_has(run.log, options.log_has):
                print(f"the kernel's log does not say {options.log_has!r}")
                outcome.exit_status = None
        output.seek(0)
        text = output.read().decode(errors="replace").replace("\r", "")
    if not outcome.orderly:
        print(f"--- end of the kernel's log\n{tail}\n---")
    return outcome, text


def log_has(path: str, text: str) -> bool:
    with open(path, errors="replace") as file:
        return text in file.read()


def judge(outcome: Outcome, text: str, expected: list[str]) -> int:
    """Print what failed and the count; the exit status."""
    verdicts = {match[2]: match[1] == "ok" for match in VERDICT.finditer(text)}
    passed = [name for name in expected if verdicts.get(name)]
    failed = [name for name in expected if name not in passed]
    if failed or outcome.exit_status != 0:
        print(text)
        for name in failed:
            print(f"{name}: {'failed' if name in verdicts else 'did not report'}")
        print(f"the run: {outcome.describe()}")
    print(f"{len(passed)} passed, {len(failed)} failed")
    return 0 if passed and not failed and outcome.orderly and outcome.exit_status == 0 else 1


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--add", action="append", default=[], help="a program to bring along, into /bin")
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--memory", default="256M")
    parser.add_argument("--cpu", default="max", help="QEMU's CPU model and features")
    parser.add_argument("--append", default="", help="more words for the kernel's command line")
    parser.add_argument("--log-has", metavar="TEXT", help="the kernel's log must say this")
    parser.add_argument("--timeout", type=float, default=240)
    parser.add_argument("--free-running", action="store_true", help="time is the host's")
    parser.add_argument("--turn", type=int, default=TURN, help="microseconds: another order of events")
    parser.add_argument("esp")
    kinds = parser.add_mutually_exclusive_group(required=True)
    kinds.add_argument("--run-tests", nargs=2, metavar=("GROUP", "NAMES"))
    kinds.add_argument("--run-failing", nargs=3, metavar=("HOW", "GROUP", "NAMES"),
                       help="the group, while allocations fail: frame,each,STEP or heap,random,SEEDS")
    kinds.add_argument("--script", help="a shell script of /etc/tests, by its path here")
    kinds.add_argument("--program", nargs=2, metavar=("NAME", "EXPECTED"), help="and what it prints")
    options = parser.parse_args()

    if options.run_tests:
        group, names = options.run_tests
        return judge(*boot(options, "/bin/run-tests", ["run-tests", group]), names.split(","))
    if options.run_failing:
        how, group, names = options.run_failing
        words = ["run-failing", *how.split(","), group]
        return judge(*boot(options, "/bin/run-failing", words), names.split(","))
    if options.script:
        with open(options.script) as file:
            names = SCRIPT_TEST.findall(file.read())
        arguments = ["sh", f"/etc/tests/{os.path.basename(options.script)}"]
        return judge(*boot(options, "/bin/busybox", arguments), names)
    name, wanted = options.program
    outcome, text = boot(options, f"/bin/{name}", [name])
    verdict = "ok" if outcome.exit_status == 0 and wanted in text else "not ok"
    return judge(outcome, f"{text}\n{verdict} {name}\n", [name])


if __name__ == "__main__":
    sys.exit(main())
