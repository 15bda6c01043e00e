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


def shell(report, script, *words, timeout=120, sh=("/bin/sh",)):
    return report.guest(*words, "--", *sh, "-c", script, timeout=timeout)


def swap_file(report, folder):
    """The tests of swap, on a file in pieces on a disk with blocks of 1 KiB."""
    image = os.path.join(folder, "ext2.img")
    result = report.run(["mke2fs", "-q", "-F", "-b", "1024", image, "32M"])
    report.check("mke2fs", result.status == 0, result)
    result = shell(report, "mount -t ext2 /dev/sda /mnt; i=0; while [ $i -lt 36 ]; do "
                   "dd if=/dev/zero bs=64k count=4 >>/mnt/swap; "
                   "dd if=/dev/zero bs=1k count=9 >>/mnt/other; i=$((i+1)); done 2>/dev/null; "
                   "/tests/swap; s=$?; rm /mnt/swap; umount /mnt || exit 1; exit $s",
                   "--smp", "2", "--disk", image, "--env", "TEST_DISK=/mnt/swap",
                   sh=("/bin/busybox", "ash"), timeout=180)
    report.ktap("swap-file", result)


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
        swap_file(report, folder)
        report.ktap("writeback", report.guest("--append", "ramdisk=16", "--",
                                              "/tests/writeback", timeout=120))
        result = shell(report, "swapon /dev/sda; mkdir m; "
                       "mount -t tmpfs -o size=60M none m; "
                       "yes | dd bs=64k iflag=fullblock 2>&1 >m/big | head -n 1; "
                       "yes | head -c 62914560 | cmp - m/big && echo same",
                       "--mem", "48", "--disk", swap, timeout=180)
        report.check("a file larger than memory goes to swap, up to the limit of its tmpfs",
                     result.out == b"dd: error writing 'standard output': "
                     b"No space left on device\nsame\n", result)
        result = shell(report, "swapon /dev/sda; /tests/swap --call sort 100",
                       "--mem", "64", "--disk", swap, timeout=300)
        report.check("100 MiB sorted in 64 MiB and swap",
                     result.status == 0 and b"sorted" in result.out, result)
        result = shell(report, "/tests/swap --call eat 200; echo status $?; "
                       "dmesg | grep -c 'out of memory: killing.*(swap)'; "
                       "grep oom_kill /proc/vmstat", "--mem", "64")
        report.check("without swap the hog alone is killed", result.out ==
                     b"status 137\n1\noom_kill 1\n", result)
        result = shell(report, "/tests/swap --call hold 8 >held & until [ -s held ]; do "
                       "sleep 0.1; done; /tests/swap --call eat 200; echo status $?; "
                       "kill -0 $! && echo lives; kill $!", "--mem", "64", "--smp", "2",
                       sh=("/bin/busybox", "ash"))
        report.check("the largest process is killed, the other lives",
                     result.out == b"status 137\nlives\n", result)
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
