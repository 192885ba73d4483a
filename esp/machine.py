"""QEMU command lines: one description of a machine, used by `./quire`, the tests and the benchmarks.

A machine here is what a PC is to Quire: chipset, processors, memory, the medium it starts from, its display.
How a run talks to the host (serial ports, the debug-exit port) is in esp/boot.py."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field

OVMF = "/usr/share/OVMF"
# Virtual time goes by instructions (1 << 6 ns each), so runs do not depend on how busy this machine is; idle
# time is skipped. It costs nothing. A smaller shift makes OVMF's delays, which are virtual time, many
# instructions long.
DETERMINISTIC = ["-icount", "shift=6,sleep=off", "-rtc", "base=2026-01-01,clock=vm"]
# By instructions, QEMU lets one processor run until a timer of the machine is due, up to two seconds when
# nothing else has one: who spins for another one's answer does so for that long. This device does nothing,
# regularly.
TURN = 10000  # microseconds of virtual time, for all processors together
TURNS = ["-netdev", "hubport,id=turns,hubid=0", "-object", "filter-buffer,id=turn,netdev=turns,interval={}"]
DEBUG_EXIT_PORT = 0xF4
# Above this the memory backend reserves no swap, so that a machine may be larger than this host.
LARGE_MEMORY = 1 << 30

FIRMWARE = {
    # name: (code, variables). Without a flash chip for its variables OVMF keeps them in memory, and starts in
    # two thirds of the time: QEMU is slow in the writing of flash. The processors of a machine that counts
    # instructions take turns, and with the chip OVMF waits for them in better ones: without, some machines
    # with four took 20 seconds to start.
    "4m": ("OVMF_CODE_4M.fd", None),
    "4m-variables": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
    "2m": ("OVMF_CODE.fd", None),
    "2m-variables": ("OVMF_CODE.fd", "OVMF_VARS.fd"),
    "secure-boot": ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.snakeoil.fd"),
}

# How the image is attached, beside `-drive if=none,id=boot,...`.
MEDIA = {
    "virtio": ["-device", "virtio-blk-pci,drive=boot,bootindex=0"],
    "usb": ["-device", "qemu-xhci", "-device", "usb-storage,drive=boot,removable=on,bootindex=0"],
    "usb2": ["-device", "usb-ehci", "-device", "usb-storage,drive=boot,removable=on,bootindex=0"],
    "nvme": ["-device", "nvme,drive=boot,serial=1,bootindex=0"],
    "disk": ["-device", "ide-hd,drive=boot,bootindex=0"],
}


class MachineError(Exception):
    """A machine that QEMU cannot be asked for; the message says why."""


@dataclass
class Machine:
    cpus: int = 1
    topology: str = ""  # more of QEMU's -smp: "sockets=2,cores=2,threads=2"
    memory: str = "256M"
    cpu: str = "max"
    machine: str = "q35"
    accel: str = "tcg"
    firmware: str = "4m"
    media: str = "virtio"
    display: list[str] = field(default_factory=lambda: ["-device", "VGA"])
    window: str = "none"  # QEMU's -display
    deterministic: bool = True
    turn: int = TURN  # another length is another order of events, as repeatable
    extra: list[str] = field(default_factory=list)
    # QEMU's record/replay: "record" or "replay", and the folder where esp/recording.py keeps it.
    recording: tuple[str, str] | None = None


def memory_bytes(size: str) -> int:
    """Bytes of "256M", "3G", "1T"; a plain number counts MiB, as it does for QEMU. MachineError for all
    else."""
    match = re.fullmatch(r"([1-9][0-9]*)([KMGT]?)", size.upper())
    if match is None:
        raise MachineError(f"not a memory size: {size!r} (256M, 3G)")
    return int(match[1]) << {"K": 10, "": 20, "M": 20, "G": 30, "T": 40}[match[2]]


def seed_arguments() -> list[str]:
    """What the machine's random numbers begin with: always the same, unless somebody wants another."""
    return ["-seed", os.environ.get("QUIRE_SEED", "1")]


def qemu_program() -> str:
    program = shutil.which("qemu-system-x86_64")
    if program is None:
        raise MachineError("qemu-system-x86_64 is not installed (package qemu-system-x86)")
    return program


def qemu_version() -> int:
    """The major version of QEMU, which prints "QEMU emulator version 7.2.17 (...)"."""
    said = subprocess.run([qemu_program(), "--version"], capture_output=True, text=True).stdout
    match = re.search(r"version (\d+)\.", said)
    if match is None:
        raise MachineError(f"qemu-system-x86_64 does not tell its version: {said!r}")
    return int(match[1])


def firmware_file(name: str) -> str:
    path = os.path.join(OVMF, name)
    if not os.path.exists(path):
        raise MachineError(f"{path} is not there (package ovmf)")
    return path


def command_line(machine: Machine, image: str) -> list[str]:
    """QEMU's command line for `machine` started from the disk image `image`, which is not written to."""
    memory = memory_bytes(machine.memory)
    chipset = machine.machine
    backend: list[str] = []
    if memory > LARGE_MEMORY and "memory-backend" not in chipset and "-numa" not in machine.extra:
        chipset += ",memory-backend=ram"
        backend = ["-object", f"memory-backend-ram,id=ram,size={memory},reserve=off"]
    accel = machine.accel
    if accel == "tcg" and machine.cpus > 1 and not machine.deterministic:
        accel = "tcg,thread=multi"
    firmware = machine.firmware
    if firmware == "4m" and machine.cpus > 1 and machine.deterministic:
        firmware = "4m-variables"
    code, variables = FIRMWARE[firmware]
    processors = ",".join(filter(None, (str(machine.cpus), machine.topology)))
    command = [
        qemu_program(), "-accel", accel, "-machine", chipset, "-cpu", machine.cpu, "-smp", processors,
        *backend, "-m", f"{memory // 1024}K", "-nodefaults", "-no-user-config", "-no-reboot",
        "-boot", "menu=off", "-display", machine.window, *machine.display,
        "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={firmware_file(code)}",
    ]
    if variables is not None:
        # Into a snapshot, so that the next boot finds them as before.
        command += ["-drive", f"if=pflash,format=raw,unit=1,snapshot=on,file={firmware_file(variables)}"]
    if machine.recording:
        return command + recording_arguments(*machine.recording) + machine.extra
    disk = image.replace(",", ",,")
    command += ["-drive", f"if=none,id=boot,format=raw,snapshot=on,file={disk}", *MEDIA[machine.media]]
    if machine.deterministic and machine.accel == "tcg":
        command += [*DETERMINISTIC, *seed_arguments()]
        if machine.cpus > 1:
            command += [word.format(machine.turn) for word in TURNS]
    return command + machine.extra


def recording_arguments(mode: str, folder: str) -> list[str]:
    """Drive and clock of a machine whose every input is recorded, or comes from a recording. The drive is a
    qcow2 overlay, which holds the snapshot that reverse execution starts from; blkreplay makes requests end
    at the same instruction each time."""
    place = folder.replace(",", ",,")
    return [
        "-drive", f"if=none,id=direct,format=qcow2,file={place}/disk.qcow2",
        "-drive", "driver=blkreplay,if=none,image=direct,id=boot", *MEDIA["disk"],
        "-icount", f"shift=6,rr={mode},rrsnapshot=start,rrfile={place}/events",
        "-rtc", "base=2026-01-01,clock=vm", *seed_arguments(),
    ]
