# SPDX-License-Identifier: MIT
"""Recordings: a folder with all that is needed to run a machine again, exactly.

QEMU counts instructions and writes down what comes from outside: keys, clocks,
random numbers, disks' answers. A replay of the same kernel and boot archive or disk,
which are therefore copied to the folder, then executes the same instructions, each
at the same count. What it writes to the disk is thrown away each time. The
machine has one CPU, for several are never twice the same.
"""

import json
import os
import shutil
import subprocess

import machine

LOG, KERNEL, INITRD, DISK, SETTINGS = ("events", "cutaway.elf", "initrd.cpio",
                                       "disk.img", "machine.json")


def folder():
    """Where the recording is: $RECORD, or record/ in the build folder."""
    return os.path.join(machine.ROOT, os.environ.get("RECORD") or
                        os.path.join(machine.build_dir(), "record"))


def prepare(described):
    """Makes a Machine that is to be started one that records."""
    shutil.rmtree(folder(), ignore_errors=True)
    os.makedirs(folder())
    shutil.copyfile(described.kernel, os.path.join(folder(), KERNEL))
    for source in described.modules:
        shutil.copyfile(source, os.path.join(folder(), INITRD))
    for source in described.disks:
        subprocess.run(["cp", "--sparse=always", source,
                        os.path.join(folder(), DISK)], check=True)
    settings = {"append": described.append, "mem": described.mem,
                "vga": described.vga, "extra": described.extra}
    with open(os.path.join(folder(), SETTINGS), "w", encoding="utf-8") as out:
        json.dump(settings, out)
    _set(described, "record")


def load():
    """The Machine that replays the last recording. Raises CannotStart."""
    try:
        with open(os.path.join(folder(), SETTINGS), encoding="utf-8") as text:
            settings = json.load(text)
    except OSError as error:
        raise machine.CannotStart("there is no recording; `make record` makes "
                                  "one") from error
    described = machine.Machine("", [])
    for name, value in settings.items():
        setattr(described, name, value)
    _set(described, "replay")
    return described


def _set(described, mode):
    described.kernel = os.path.join(folder(), KERNEL)
    described.modules, described.disks = (
        list(filter(os.path.exists, [os.path.join(folder(), name)]))
        for name in (INITRD, DISK))
    described.keep = False
    described.smp = 1
    described.replay = (mode, os.path.join(folder(), LOG))
