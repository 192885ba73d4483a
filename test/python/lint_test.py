"""The lint suite finds what it is there to find."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lint"))

import floors  # noqa: E402
import links  # noqa: E402
import readmes  # noqa: E402
import text  # noqa: E402


class FloorsTest(unittest.TestCase):
    def test_arrows_go_down(self):
        for path, included in (
            ("kernel/main.c", "syscalls/table.h"),
            ("kernel/main.c", "kernel/machine.h"),
            ("syscalls/file.c", "kernel/file/node.h"),
            ("kernel/file/node.c", "kernel/file/node.h"),
            ("kernel/memory/frame.c", "paging/paging.h"),
            ("kernel/lib/string.c", "efi/boot_info.h"),
            ("efi/main.c", "paging/paging.h"),
            ("efi/main.c", "efi/boot_info.h"),
            ("test/unit/any.c", "kernel/memory/frame.h"),
        ):
            self.assertIsNone(floors.fault_of(path, included), (path, included))

    def test_no_arrow_goes_up_or_across(self):
        for path, included in (
            ("paging/map.c", "kernel/lib/string.h"),
            ("kernel/lib/string.c", "kernel/debug/log.h"),
            ("kernel/memory/fault.c", "kernel/process/thread.h"),
            ("kernel/process/exec.c", "kernel/file/node.h"),
            ("kernel/file/node.c", "syscalls/table.h"),
            ("kernel/file/node.c", "kernel/machine.h"),
            ("kernel/cpu/trap.c", "efi/memory_map.h"),
            ("efi/main.c", "kernel/lib/string.h"),
            ("userland/shell.c", "kernel/lib/string.h"),
            ("kernel/lib/string.c", "test/unit/helpers.h"),
            ("elsewhere/new.c", "paging/paging.h"),
        ):
            self.assertIsNotNone(floors.fault_of(path, included), (path, included))


class ReadmesTest(unittest.TestCase):
    def faults(self, lines: str) -> list[str]:
        return readmes.faults_of("kernel", ["cpu"], ["README.md", ".hidden", "a.c", "a.h", "b.c"], lines)

    def test_a_complete_and_true_list_passes(self):
        lines = "# kernel\n\n- `a.c`, `a.h` - first\n- `b.c` - second\n- `cpu/` - third\n"
        self.assertEqual(self.faults(lines), [])

    def test_what_is_missing_gone_or_said_twice_is_found(self):
        self.assertEqual(len(self.faults("- `a.c` - x\n- `b.c` - x\n")), 1)
        self.assertEqual(len(self.faults("- `a.c`, `a.h` - x\n- `b.c` - x\n- `c.c` - x\n")), 1)
        self.assertEqual(len(self.faults("- `a.c`, `a.h` - x\n- `b.c` - x\n- `gone/` - x\n")), 1)
        self.assertEqual(len(self.faults("- `a.c`, `a.h` - x\n- `b.c` - x\n- `b.c` - y\n")), 1)
        self.assertEqual(len(self.faults("- `a.c`, `a.h` -\n- `b.c` - x\n")), 2)


class TextTest(unittest.TestCase):
    def test_clean_text_passes(self):
        self.assertEqual(text.faults_of("a.c", "int a;\n"), [])

    def test_each_fault_is_found(self):
        bodies = ("\tint a;\n", "int a; \n", "int a;", "int a;\n\n", "/* TO" + "DO */\n", "int a;\n" * 601)
        for body in bodies:
            self.assertEqual(len(text.faults_of("a.c", body)), 1, body[:20])
        self.assertEqual(len(text.faults_of("a.py", "x" * 200 + "\n")), 1)


class LinksTest(unittest.TestCase):
    def faults(self, page: str) -> list[str]:
        return links.faults_of("docs/page.md", page, {"esp", "test"})[0]

    def test_true_links_pass(self):
        page = "# Here\n[a](../esp/boot.py) [b](#here) [c](https://x.org) `esp/boot.py` `build/x`"
        self.assertEqual(self.faults(page), [])

    def test_broken_links_are_found(self):
        for page in ("[a](gone.md)", "[a](#gone)", "[a](../esp/README.md#gone)", "see `esp/gone.py`"):
            self.assertEqual(len(self.faults(page)), 1, page)


if __name__ == "__main__":
    unittest.main()
