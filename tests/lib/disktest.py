# SPDX-License-Identifier: MIT
"""Suites about disks: errors that QEMU injects, and the disk of `make run` when
its machine is killed."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

import console

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts", "lib"))
import diskimage  # noqa: E402

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
DEVICE = ("-device ide-hd,drive=d0,bus=ide.0,werror=report,rerror=report")
MIB = 1 << 20


def blockdev(node):
    return f"-blockdev '{json.dumps(node)}' {DEVICE}"


def faulty(image, *errors):
    """QEMU's arguments for a disk that fails as told. Each error: iotype and
    further members of blkdebug's inject-error."""
    return blockdev({
        "driver": "blkdebug", "node-name": "d0",
        "image": {"driver": "file", "filename": image},
        "inject-error": [dict({"event": "none", "errno": 5, "once": False,
                               "immediately": True}, **each)
                         for each in errors]})


def slow(image, bytes_per_second):
    return (f"-object throttle-group,id=tg,x-bps-total={bytes_per_second} " +
            blockdev({"driver": "throttle", "throttle-group": "tg",
                      "node-name": "d0",
                      "file": {"driver": "raw", "file": {
                          "driver": "file", "filename": image}}}))


def shell(report, disk, script, *words, timeout=60):
    """The script in our sh on a machine with that disk."""
    return report.guest("--smp", "2", *words, "--qemu", disk, "--", "/bin/sh",
                        "-c", script, timeout=timeout)


def errors(report):
    """EIO to who asked and to nobody else, retries, an end to all waiting."""
    with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
        image = os.path.join(folder, "disk.img")
        for variant in ((), ("--debug",)):
            with open(image, "wb") as out:
                out.write(bytes(8 * MIB))
            read_errors(report, image, *variant)
            write_errors(report, image, *variant)
            time_outs(report, image, *variant)
        journal_errors(report, image)


def read_errors(report, image, *words):
    script = ("dd if=/dev/sda of=/dev/null bs=4k skip=125 count=1; echo $?; "
              "dd if=/dev/sda bs=64k skip=10 count=4 | wc -c; "
              "cat /proc/ahci")
    result = shell(report, faulty(image, {"iotype": "read", "sector": 1000}),
                   script, *words)
    report.check("read error: EIO", b"Input/output error" in result.err and
                 result.out.startswith(b"1\n"), result)
    report.check("read error: others are served",
                 b"\n262144\n" in result.out, result)
    result = shell(report, faulty(image, {"iotype": "read", "sector": 1000,
                                          "once": True}), script, *words)
    report.check("a read error that passes: tried again",
                 result.out.startswith(b"0\n") and
                 b" errors 1 " in result.out, result)
    # Eight at once: what was under way beside the failing one is unharmed.
    result = shell(report, faulty(image, {"iotype": "read", "sector": 9000}),
                   "for i in 0 1 2 3 4 5 6 7; do dd if=/dev/sda bs=4k "
                   "skip=$((i*256)) count=256 of=/tmp/$i 2>/tmp/e$i & done; wait; "
                   "cat /tmp/e* | grep -c 'Input/output'; "
                   "cat /tmp/[0-35-7] | md5sum; cat /proc/ahci", *words)
    sums = subprocess.run(["md5sum"], input=bytes(7 * MIB), check=True,
                          capture_output=True).stdout
    report.check("queued commands: only the guilty one fails",
                 result.out.startswith(b"1\n" + sums), result)


def write_errors(report, image, *words):
    write = ("dd if=/dev/zero of=/dev/sda bs=4k seek=250 count=1 conv=notrunc,"
             "fsync; echo $?; ")
    again = ("dd if=/dev/zero of=/dev/sda bs=4k seek=500 count=1 conv=notrunc,"
             "fsync 2>/dev/null; echo $?; dd if=/dev/sda of=/dev/null bs=64k "
             "count=16 2>/dev/null; echo $?")
    result = shell(report, faulty(image, {"iotype": "write", "sector": 2000}),
                   write + again, *words)
    report.check("write error: fsync fails, others do not",
                 result.out == b"1\n0\n0\n", result)
    result = shell(report, faulty(image, {"iotype": "write", "sector": 2000,
                                          "once": True}), write, *words)
    report.check("a write error that passes: tried again",
                 result.out == b"0\n", result)
    result = shell(report, faulty(image, {"iotype": "flush", "once": True}),
                   write + again, *words)
    report.check("flush error: fsync fails, the next does not",
                 result.out == b"1\n0\n0\n", result)


def time_outs(report, image, *words):
    """A disk too slow for the patience that it is given."""
    read = ("dd if=/dev/sda of=/dev/null bs=4k skip={} count=1 2>/dev/null; "
            "echo $?; ")
    words = (*words, "--append", "disk_timeout=100")
    result = shell(report, slow(image, 16384), "for i in 1 2 3 4; do dd "
                   "if=/dev/sda of=/dev/null bs=4k skip=${i}00 count=1 "
                   "2>/dev/null & done; wait; cat /proc/ahci", *words,
                   timeout=120)
    report.check("no answer in time: an end all the same",
                 result.status == 0 and b"timeouts 0" not in result.out, result)
    result = shell(report, slow(image, 8192),
                   "".join(read.format(n) for n in (300, 600, 900, 1200)) +
                   "cat /proc/ahci", *words, timeout=120)
    report.check("a disk that never answers is given up",
                 result.status == 0 and b" dead " in result.out and
                 result.out.splitlines()[3:4] == [b"1"], result)


def journal_start(image):
    """The sector of the journal's first block behind its own super block."""
    out = diskimage.tool("debugfs", "-R", "stat <8>", image).stdout
    match = re.search(rb"\(0(?:-\d+)?\):(\d+)", out)
    return (int(match.group(1)) + 1) * 8


def journal_errors(report, image):
    """The log cannot be written: read-only, what is there is still read."""
    with open(image, "wb") as out:
        out.truncate(32 * MIB)
    diskimage.tool("mke2fs", "-q", "-F", "-t", "ext3", "-b", "4096", image)
    diskimage.debugfs(image, ["mkdir /old"])
    script = ("mkdir /mnt/d; mount -t ext2 /dev/sda /mnt/d || exit 9; "
              "echo data > /mnt/d/file; sync; sleep 1; "
              "echo more > /mnt/d/other && echo BAD; "
              "ls /mnt/d; grep -o '/mnt/d ext[23] r[ow]' /proc/mounts")
    disk = faulty(image, {"iotype": "write", "sector": journal_start(image)})
    result = shell(report, disk, script)
    report.check("journal error: read-only from there on",
                 b"/mnt/d ext2 ro" in result.out and
                 b"BAD" not in result.out, result)
    report.check("journal error: reading goes on", b"old" in result.out and
                 result.status == 0, result)
    done = subprocess.run(["e2fsck", "-fy", image], check=False,
                          capture_output=True,
                          env=dict(os.environ, PATH=os.environ["PATH"] +
                                   ":/usr/sbin:/sbin"))
    report.check("journal error: e2fsck can mend it", done.returncode < 4)


def boot_disk(image):
    terminal = console.Console(["scripts/run", "--root", image], ROOT)
    terminal.expect(console.PROMPT, 60 * PATIENCE)
    return terminal


def power_cut(report):
    """The disk of `make run`: kill -9 in the middle, and boot again."""
    with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
        image, terminal = os.path.join(folder, "root.img"), None
        try:
            terminal = boot_disk(image)
            report.passed("an image is made and boots")
            terminal.line(b"mkdir /home/mine; echo kept > /home/mine/file; sync")
            terminal.type(b"(while true; do cp -r /etc /home/x; rm -r /home/x; "
                          b"done) &\r")
            for cut in range(3):
                time.sleep(1 + cut / 2)
                terminal.kill()
                terminal.close()
                terminal = boot_disk(image)
                text = terminal.line(b"cat /home/mine/file")
                report.check(f"cut {cut + 1}: what was synced is there",
                             b"kept\n" in text)
                terminal.type(b"(while true; do cp -r /bin/sh /home/y; sync; rm "
                              b"/home/y; done) &\r")
            terminal.close()
            terminal = boot_disk(image)
            terminal.line(b"echo last > /home/mine/last")
            terminal.type(b"poweroff\r")
            report.check("poweroff", terminal.end(30 * PATIENCE) == 0)
            check_image(report, image)
        except console.NotSeen as error:
            report.failed("not seen", error.args[0].decode("utf-8", "replace"))
        finally:
            if terminal:
                terminal.close()
                report.note(terminal.log)


def check_image(report, image):
    try:
        diskimage.tool("e2fsck", "-fn", image)
        report.passed("e2fsck finds nothing")
    except diskimage.ImageError as error:
        report.failed("e2fsck finds nothing", str(error))
    result = report.run(["scripts/image", image, "get", "/home/mine/last",
                         image + ".out"])
    report.check("scripts/image get", result.status == 0 and
                 open(image + ".out", "rb").read() == b"last\n", result)
