# SPDX-License-Identifier: MIT
"""What is not an operation's cost: start-up, memory, sizes."""

import glob
import os
import re
import subprocess
import tempfile
import time

import machine

SOURCES = ("boot", "drivers", "fs", "include", "ipc", "kernel", "mm", "net")
BANNER = b"Programs are in /bin"
SIZES_MB = (8, 12, 16, 20, 24, 32, 48, 64, 72, 80, 88, 96, 112, 128, 192, 256)


def boot_seconds(kernel, append, initrd, mem, extra):
    """Seconds from the start of QEMU to the shell's prompt, or None."""
    described = machine.Machine(kernel, [initrd], append)
    described.mem = mem
    described.extra = extra
    heard = b""
    with tempfile.TemporaryDirectory(prefix="cutaway-") as scratch:
        start = time.monotonic()
        running = described.start(scratch)
        try:
            running.ports[0].settimeout(60)
            while b"# " not in heard.partition(BANNER)[2]:
                data = running.ports[0].recv(4096)
                if not data:
                    return None
                heard += data
            return time.monotonic() - start
        except OSError:
            return None
        finally:
            running.close()


def best_boot(times, *what):
    """The least of several boots: what is above it is the host's doing."""
    found = [boot_seconds(*what) for _ in range(times)]
    return min((value for value in found if value is not None), default=None)


def memory_mb(guest, mem):
    """Megabytes in use after boot: of what the kernel manages, and of all."""
    status, text = guest("/bin/cat", "/proc/meminfo")
    found = dict(re.findall(r"(\w+): +(\d+) kB", text))
    if status or "MemFree" not in found:
        return None, None
    free = int(found["MemFree"])
    return ((int(found["MemTotal"]) - free) / 1024, mem - free / 1024)


def least_memory(runs_with):
    """The least of SIZES_MB with which the machine still runs a program."""
    low, high = 0, len(SIZES_MB)
    while low < high:
        middle = (low + high) // 2
        if runs_with(SIZES_MB[middle]):
            high = middle
        else:
            low = middle + 1
    return SIZES_MB[low] if low < len(SIZES_MB) else None


def text_kb(elf):
    """Kilobytes of code in our kernel."""
    tool = os.environ.get("CROSS_COMPILE", "x86_64-linux-gnu-") + "readelf"
    text = subprocess.run([tool, "-SW", elf], stdout=subprocess.PIPE,
                          check=True).stdout.decode()
    sizes = re.findall(r"\] \S+ +PROGBITS +\S+ \S+ (\S+) \S+ +AX", text)
    return sum(int(size, 16) for size in sizes) / 1024


def linux_text_kb(guest):
    """The same, as Linux says it at boot."""
    _, text = guest("/bin/dmesg")
    found = re.search(r"\((\d+)K kernel code", text)
    return int(found.group(1)) if found else None


def lines_of_code():
    total = 0
    for folder in SOURCES:
        for kind in ("c", "h", "S"):
            for name in glob.glob(os.path.join(machine.ROOT, folder, "**",
                                               "*." + kind), recursive=True):
                with open(name, "rb") as source:
                    total += sum(1 for line in source if line.strip())
    return total
