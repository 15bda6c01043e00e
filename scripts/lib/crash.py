# SPDX-License-Identifier: MIT
"""Reports about a guest that did not end in order, for people to read."""

import os
import re
import shutil
import subprocess

HIGHER_HALF = 1 << 63


def describe_registers(registers, kernel):
    """One line per CPU: where it was, symbolised; then its main registers.

    registers: the text of QEMU's `info registers -a`.
    """
    lines = []
    for number, text in _cpus(registers):
        values = dict(re.findall(r"\b([A-Z0-9]{2,3})\s*=\s*([0-9a-f]{8,16})\b",
                                 text))
        place = int(values.get("RIP") or values.get("EIP") or "0", 16)
        lines.append(f"CPU {number} at {place:#x} {symbolise(place, kernel)}")
        shown = [f"{name}={values[name]}" for name in
                 ("RSP", "RBP", "RAX", "RDI", "CR2", "CR3") if name in values]
        lines.append("    " + " ".join(shown))
    return lines


def _cpus(registers):
    parts = re.split(r"CPU#(\d+)\n", registers)
    return zip(parts[1::2], parts[2::2])


def symbolise(address, kernel):
    """function (file:line), or words that say why there is none."""
    tool = shutil.which(os.environ.get("CROSS_COMPILE", "x86_64-linux-gnu-") +
                        "addr2line") or shutil.which("addr2line")
    if tool is None:
        return "(no addr2line to name it)"
    out = subprocess.run([tool, "-f", "-s", "-e", kernel, hex(address)],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         check=False).stdout.decode().split("\n")
    if len(out) >= 2 and out[0] != "??":
        return f"{out[0]} ({out[1]})"
    return "(no symbol there)" if address >= HIGHER_HALF else \
        "(not in the kernel's half)"
