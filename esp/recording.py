"""Recordings of a run: `./quire record` makes one, `./quire replay` runs it again, instruction for
instruction.

A recording is a folder: the volume the machine started from, an overlay of it, QEMU's list of events, and
the log of COM1."""

import json
import os
import shutil
import subprocess

from esp.machine import Machine, MachineError

SETTINGS = "machine.json"
LOG = "log.txt"
KEPT = ("memory", "cpu", "machine", "firmware")


def make_overlay(folder: str) -> None:
    """What is written to the volume goes there, and the snapshot of the start; a replay goes back to it
    first."""
    path, backing = os.path.join(folder, "disk.qcow2"), os.path.abspath(os.path.join(folder, "esp.img"))
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", backing, "-F", "raw", path]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        raise MachineError(f"{path} could not be made by qemu-img (package qemu-utils)")


def prepare(folder: str, machine: Machine, image: str) -> None:
    """Begin a recording of `machine` started from `image`; what was in the folder goes."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copyfile(image, os.path.join(folder, "esp.img"))
    with open(os.path.join(folder, SETTINGS), "w") as file:
        json.dump({name: getattr(machine, name) for name in KEPT}, file)
    make_overlay(folder)
    machine.recording = ("record", folder)


def machine_of(folder: str) -> Machine:
    """The machine that replays the recording."""
    try:
        with open(os.path.join(folder, SETTINGS)) as file:
            machine = Machine(**json.load(file))
    except FileNotFoundError as error:
        raise MachineError(f"{folder} holds no recording: ./quire record makes one") from error
    machine.recording = ("replay", folder)
    return machine
