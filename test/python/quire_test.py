"""`./quire` where it needs no machine: usage, packages, where a program stands. apt-get is a stand-in."""

import json
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QUIRE = os.path.join(ROOT, "quire")


def load_quire():
    loader = importlib.machinery.SourceFileLoader("quire", QUIRE)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("quire", loader))
    loader.exec_module(module)
    return module


quire = load_quire()
suites = quire.suites

# Says of every package but those in $MISSING that it is installed.
DPKG_QUERY = """#!/bin/sh
shift 3
for package; do
    case " $MISSING " in
        *" $package "*) echo "dpkg-query: no packages found matching $package" >&2 ;;
        *) echo "installed $package" ;;
    esac
done
"""
# Notes how it was called; an installation fails until the lists were updated.
APT_GET = """#!/bin/sh
echo "$@" >> "$NOTES"
case "$1" in
    update) touch "$NOTES.updated" ;;
    install) [ -e "$NOTES.updated" ] && [ -z "$BROKEN" ] ;;
esac
"""


class Usage(unittest.TestCase):
    def refused(self, *arguments: str) -> str:
        result = subprocess.run([sys.executable, "-B", QUIRE, *arguments], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        return result.stderr

    def test_what_cannot_be_understood_is_said_in_one_line(self):
        self.assertIn("COMMAND", self.refused())
        self.assertIn("nonsense", self.refused("nonsense"))
        self.assertIn("no suite 'nonsense'", self.refused("test", "unit", "nonsense"))
        self.assertIn("FILE", self.refused("image"))
        self.assertIn("--timeout", self.refused("run", "--timeout", "-1"))
        self.assertIn("--cons", self.refused("run", "--cons"))

    def test_help_names_every_command(self):
        help_ = [sys.executable, "-B", QUIRE, "--help"]
        shown = subprocess.run(help_, capture_output=True, text=True, check=True)
        for command in ("run", "exec", "test", "gdb", "image"):
            self.assertIn(f"\n    {command} ", shown.stdout)


class Packages(unittest.TestCase):
    """install_missing() against a dpkg-query and an apt-get of our own."""

    def install(self, missing: str, broken: str = "") -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            for name, script in (("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET)):
                with open(os.path.join(folder, name), "w") as file:
                    file.write(script)
                os.chmod(file.name, 0o755)
            notes = os.path.join(folder, "notes")
            path = f"{folder}:{os.environ['PATH']}"
            environment = {"PATH": path, "MISSING": missing, "BROKEN": broken, "NOTES": notes}
            with mock.patch.dict(os.environ, environment), mock.patch("os.geteuid", return_value=0), \
                    open(os.devnull, "w") as nothing, mock.patch("sys.stderr", nothing):
                try:
                    quire.install_missing({"mtools": "FAT", "meson": "the build", "lld": "linker"})
                finally:
                    self.notes = open(notes).read().split("\n")[:-1] if os.path.exists(notes) else []
            return self.notes

    def test_nothing_is_done_when_nothing_is_missing(self):
        self.assertEqual(self.install(missing=""), [])

    def test_only_what_is_missing_is_installed_after_an_update_if_need_be(self):
        install = "install -y --no-install-recommends mtools lld"
        self.assertEqual(self.install(missing="lld mtools"), [install, "update", install])

    def test_a_failed_installation_ends_the_command(self):
        with self.assertRaises(quire.Failure) as caught:
            self.install(missing="lld", broken="yes")
        self.assertIn("lld", str(caught.exception))
        self.assertEqual(len(self.notes), 3)


class Places(unittest.TestCase):
    def test_a_program_keeps_its_place_or_gets_one_in_bin(self):
        self.assertEqual(quire.guest_path("/bin/busybox"), "/bin/busybox")
        self.assertEqual(quire.guest_path("/usr/bin/../bin/x"), "/usr/bin/x")
        self.assertEqual(quire.guest_path("/home/someone/a.out"), "/bin/a.out")
        self.assertEqual(quire.guest_path("relative/a.out"), "/bin/a.out")

    def test_results_are_counted_from_meson_s_log(self):
        with tempfile.NamedTemporaryFile("w+") as log:
            for result in ("OK", "EXPECTEDFAIL", "FAIL", "TIMEOUT", "ERROR", "SKIP", "UNEXPECTEDPASS"):
                log.write(f'{{"name": "x", "result": "{result}"}}\n')
            log.flush()
            self.assertEqual(suites.count_results(log.name), (2, 4))
        self.assertEqual(suites.count_results("/nonexistent"), (0, 0))

    def test_results_within_a_test_are_counted_each(self):
        with tempfile.NamedTemporaryFile("w+") as log:
            for result, stdout in (("OK", "ok 1 - a\nok 2 - b\n# not ok 3\n1..2\n"),
                                   ("ERROR", "ok 1 - a\nnot ok 2 - b\nok 3 - c\n1..3\n"),
                                   ("TIMEOUT", "ok 1 - a\n"), ("OK", "some words\n")):
                log.write(json.dumps({"name": "x", "result": result, "stdout": stdout}) + "\n")
            log.flush()
            self.assertEqual(suites.count_results(log.name), (6, 2))

    def test_one_failure_in_one_round_fails_them_all(self):
        seeds = []

        def round_of(_build, _suites, seed):
            seeds.append(seed)
            return (1, 4, 1) if seed == 2 else (0, 5, 0)

        with (
            mock.patch.object(suites, "run_once", round_of),
            mock.patch("builtins.print") as said,
            mock.patch.dict("os.environ"),
        ):
            os.environ.pop("QUIRE_SEED", None)
            self.assertEqual(suites.run("build", ("smp",), 3), 1)
            self.assertEqual(said.call_args.args, ("14 passed, 1 failed",))
            self.assertEqual(suites.run("build", ("smp",), 1), 0)
            os.environ["QUIRE_SEED"] = "7"
            suites.run("build", ("smp",), 2)
        self.assertEqual(seeds, [1, 2, 3, 1, 7, 8])


if __name__ == "__main__":
    unittest.main()
