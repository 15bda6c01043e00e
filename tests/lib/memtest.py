# SPDX-License-Identifier: MIT
"""Suite about machines with too little memory: swap, reclaim, who is killed."""

import os
import struct
import tempfile

PAGE = 4096
MIB = 1 << 20


def make_swap(path, size):
    """What mkswap writes: version 1, no bad pages."""
    header = bytearray(PAGE)
    struct.pack_into("<III", header, 1024, 1, size // PAGE - 1, 0)
    header[PAGE - 10:] = b"SWAPSPACE2"
    with open(path, "wb") as out:
        out.write(header)
        out.truncate(size)


def shell(report, script, *words, timeout=120):
    return report.guest(*words, "--", "/bin/sh", "-c", script, timeout=timeout)


def pressure(report):
    """More than there is: to swap, out of the cache, or somebody is killed."""
    with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
        swap = os.path.join(folder, "swap.img")
        data = os.path.join(folder, "data.img")
        make_swap(swap, 128 * MIB)
        with open(data, "wb") as out:
            out.truncate(128 * MIB)
        for name, words in (("swap", ()), ("swap-debug-smp2",
                                           ("--debug", "--smp", "2"))):
            result = shell(report, "TEST_DISK=/dev/sda /tests/swap", *words,
                           "--disk", swap, timeout=180)
            report.ktap(name, result)
        result = shell(report, "swapon /dev/sda; /tests/swap --call sort 100",
                       "--mem", "64", "--disk", swap, timeout=300)
        report.check("100 MiB sorted in 64 MiB and swap",
                     result.status == 0 and b"sorted" in result.out, result)
        result = shell(report, "/tests/swap --call eat 200; echo status $?; "
                       "dmesg | grep -c 'out of memory: killing.*(swap)'; "
                       "grep oom_kill /proc/vmstat", "--mem", "64")
        report.check("without swap the hog alone is killed", result.out ==
                     b"status 137\n1\noom_kill 1\n", result)
        result = shell(report, "/tests/swap --call sort 100; echo $?",
                       "--mem", "64")
        report.check("more at once than there is: ENOMEM",
                     result.out == b"2\n", result)
        result = shell(report, "cat /dev/sda >/dev/null; "
                       "/tests/swap --call eat 36; echo $?; "
                       "cmp -n 100000000 /dev/sda /dev/zero; echo $?; "
                       "grep oom_kill /proc/vmstat", "--mem", "64",
                       "--disk", data, timeout=180)
        report.check("the page cache makes room", result.out ==
                     b"eaten\n0\n0\noom_kill 0\n", result)
