"""The Debian packages that `./quire` installs when they are missing."""

# Debian packages, what each is for, and which part of the command needs it beyond building.
BUILD_PACKAGES = {
    "meson": "the build",
    "ninja-build": "the build",
    "clang": "compiler for kernel, loader and programs",
    "lld": "linker",
    "llvm": "llvm-objcopy; coverage of the host tests",
    "libclang-rt-dev": "the sanitizers of the host tests",
    "linux-libc-dev": "numbers and structures of the Linux ABI",
    "libbsd-dev": "the tree macros of <bsd/sys/tree.h>",
    "libc6-dev": "the list macros of <sys/queue.h>",
    "gnu-efi": "UEFI's types for the loader",
    "console-setup-linux": "the console font",
    "musl-dev": "C library of the user programs",
    "busybox-static": "shell and tools of the default system",
    "mtools": "writing FAT volumes without root",
}
MACHINE_PACKAGES = {
    "qemu-system-x86": "the machine",
    "ovmf": "its UEFI firmware",
}
WINDOW_PACKAGES = {"qemu-system-gui": "the machine's window"}
TEST_PACKAGES = {
    "libcmocka-dev": "runner of the host tests",
    "clang-format": "the lint suite",
    "clang-tidy": "the lint suite",
    "cpio": "a second opinion on archives",
    "xvfb": "a display without a screen, for the window",
}
GDB_PACKAGES = {"gdb": "the debugger"}
RECORD_PACKAGES = {"qemu-utils": "overlays of disks, for recordings"}
