# SPDX-License-Identifier: MIT
"""Recordings: a folder with all that is needed to run a machine again, exactly.

QEMU counts instructions and writes down what comes from outside: keys, clocks,
random numbers. A replay of the same kernel and boot archive, which are therefore
copied to the folder, then executes the same instructions, each at the same
count. The machine has one CPU, for several are never twice the same.
"""

import json
import os
import shutil

import machine

LOG, KERNEL, INITRD, SETTINGS = ("events", "cutaway.elf", "initrd.cpio",
                                 "machine.json")


def folder():
    """Where the recording is: $RECORD, or record/ in the build folder."""
    return os.path.join(machine.ROOT, os.environ.get("RECORD") or
                        os.path.join(machine.build_dir(), "record"))


def prepare(described):
    """Makes a Machine that is to be started one that records."""
    shutil.rmtree(folder(), ignore_errors=True)
    os.makedirs(folder())
    shutil.copyfile(described.kernel, os.path.join(folder(), KERNEL))
    shutil.copyfile(described.modules[0], os.path.join(folder(), INITRD))
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
    described.modules = [os.path.join(folder(), INITRD)]
    described.smp = 1
    described.replay = (mode, os.path.join(folder(), LOG))
