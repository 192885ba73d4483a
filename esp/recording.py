"""Recordings of a run: `./quire record` makes one, `./quire replay` runs it again, instruction for
instruction.

A recording is a folder: the volume the machine started from, overlays of it and of the firmware's
variables, QEMU's list of
events, and the log of COM1."""

import json
import os
import shutil
import subprocess

from esp.machine import FIRMWARE, Machine, MachineError, firmware_file

SETTINGS = "machine.json"
LOG = "log.txt"
KEPT = ("memory", "cpu", "machine", "firmware")


def overlay(path: str, backing: str, form: str = "raw") -> None:
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", os.path.abspath(backing), "-F", form, path]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        raise MachineError(f"{path} could not be made by qemu-img (package qemu-utils)")


def make_overlays(folder: str, machine: Machine) -> None:
    """The recording's snapshot of the start is kept in them; a replay goes back to it first."""
    variables = FIRMWARE[machine.firmware][1]
    if variables is None:
        raise MachineError("a recording needs firmware with a store of variables")
    overlay(os.path.join(folder, "disk.qcow2"), os.path.join(folder, "esp.img"))
    overlay(os.path.join(folder, "variables.qcow2"), firmware_file(variables))


def prepare(folder: str, machine: Machine, image: str) -> None:
    """Begin a recording of `machine` started from `image`; what was in the folder goes."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    shutil.copyfile(image, os.path.join(folder, "esp.img"))
    with open(os.path.join(folder, SETTINGS), "w") as file:
        json.dump({name: getattr(machine, name) for name in KEPT}, file)
    make_overlays(folder, machine)
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
