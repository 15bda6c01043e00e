# SPDX-License-Identifier: MIT
"""Suites about disks: errors that QEMU injects, and the disk of `make run` when
its machine is killed."""

import json
import os
import random
import re
import shutil
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
MIB = 1 << 20


def blockdev(node, port=0):
    node["node-name"] = f"d{port}"
    return (f"-blockdev '{json.dumps(node)}' -device ide-hd,drive=d{port},"
            f"bus=ide.{port},werror=report,rerror=report")


def faulty(image, *errors, port=0):
    """QEMU's arguments for a disk that fails as told. Each error: iotype and
    further members of blkdebug's inject-error."""
    return blockdev({
        "driver": "blkdebug", "image": {"driver": "file", "filename": image},
        "inject-error": [dict({"event": "none", "errno": 5, "once": False,
                               "immediately": True}, **each)
                         for each in errors]}, port)


def faulty_flush(image, number, port):
    """The same for a disk of which that flush fails, counted from 1."""
    steps = [{"event": "flush_to_disk", "state": n, "new_state": n + 1}
             for n in range(1, number)]
    return blockdev({
        "driver": "raw", "file": {
            "driver": "blkdebug", "image": {"driver": "file", "filename": image},
            "set-state": steps, "inject-error": [{
                "event": "flush_to_disk", "iotype": "flush", "state": number,
                "errno": 5, "once": True}]}}, port)


def slow(image, bytes_per_second):
    return (f"-object throttle-group,id=tg,x-bps-total={bytes_per_second} " +
            blockdev({"driver": "throttle", "throttle-group": "tg", "file": {
                "driver": "raw", "file": {"driver": "file", "filename": image}}}))


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
            file_system_errors(report, folder, *variant)


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
    # One that nobody was waiting for is read again when somebody is.
    result = shell(report, faulty(image, {"iotype": "read", "sector": 1000,
                                          "once": True}),
                   "dd if=/dev/sda of=/dev/null bs=4k count=256; echo $?; "
                   "cat /proc/ahci", *words)
    report.check("an error of read-ahead reaches nobody",
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


def block_of(image, name, index):
    """The first sector of a file's block of that number, on 4 KiB blocks."""
    out = diskimage.tool("debugfs", "-R", f"bmap {name} {index}", image).stdout
    return int(out) * 8


def inode_block(image, name):
    """The first sector of the block that holds a file's inode."""
    out = diskimage.tool("debugfs", "-R", f"imap {name}", image).stdout
    return int(re.search(rb"located at block (\d+)", out).group(1)) * 8


def make_image(image, kind):
    """The files that tests/guest/fserr.c speaks of; `lost` has an inode far from the
    others'."""
    with open(image, "wb") as out:
        out.truncate(32 * MIB)
    diskimage.tool("mke2fs", "-q", "-F", "-t", kind, "-b", "4096", "-I", "128", image)
    for size, names in ((3, "old"), (16 * 4096, "victim torn")):
        with open(image + ".data", "wb") as out:
            out.write(b"o" * size)
        diskimage.debugfs(image, [f"write {image}.data {name}" for name in names.split()])
    diskimage.debugfs(image, ["mkdir dark", f"write {image}.data near"] +
                      [f"symlink l{n} x" for n in range(40)] + [f"write {image}.data lost"])


def file_system_errors(report, folder, *words):
    """A disk for each case of tests/guest/fserr.c, with its error."""
    plain, logged = (os.path.join(folder, kind) for kind in ("ext2", "ext3"))
    make_image(plain, "ext2")
    make_image(logged, "ext3")
    disks, images = [], []
    for case, base, error in (
            ("JOURNAL", logged, {"iotype": "write", "sector": block_of(logged, "<8>", 1)}),
            ("DATA", logged, {"iotype": "write", "sector": block_of(logged, "victim", 2)}),
            ("INODE", logged, {"iotype": "read", "sector": inode_block(logged, "lost")}),
            ("READ", logged, None), ("SUPER", plain, {"iotype": "write", "sector": 2}),
            ("FLUSH", plain, None)):
        image = os.path.join(folder, case)
        shutil.copyfile(base, image)
        errors_ = [error] if error else [
            {"iotype": "read", "sector": block_of(logged, *place)}
            for place in (("torn", 1), ("dark", 0))]
        port = len(disks)
        disks.append(faulty(image, *errors_, port=port) if case != "FLUSH" else
                     faulty_flush(image, 2, port))
        images.append((case, image))
    env = [word for port, (case, _) in enumerate(images)
           for word in ("--env", f"FSERR_{case}=/dev/sd{chr(ord('a') + port)}")]
    report.ktap("fserr", report.guest("--smp", "2", *words, *env, "--qemu", " ".join(disks),
                                      "--", "/tests/fserr", timeout=120))
    for case, image in images:
        if case == "JOURNAL":
            mended = report.run(["e2fsck", "-fy", image])
            report.check(f"{case}: e2fsck can mend it", mended.status < 4, mended)
        done = report.run(["e2fsck", "-fn", image])
        report.check(f"{case}: e2fsck finds nothing", done.status == 0, done)


def boot_disk(image):
    terminal = console.Console(["scripts/run", "--root", image], ROOT)
    terminal.expect(console.PROMPT, 60 * PATIENCE)
    return terminal


# Typed at the prompt. What "synced N" says is on the disk: a file made by N, synced in one of
# three ways, and a tree that comes and goes.
WORK = (b"cd /home/mine; n=%d; while true; do n=$((n+1)); cp -r /etc /home/x; "
        b"echo $n > t; mv t $n; case $n in *[147]) sync;; "
        b"*[258]) dd if=$n of=$n.copy conv=fsync 2>/dev/null;; "
        b"*) dd if=$n of=$n.copy 2>/dev/null; sync -f $n.copy;; esac; "
        b"echo synced $n; rm -r /home/x; done\r")
CHECK = (b"n=0; while [ $n -lt %d ]; do n=$((n+1)); case $n in *[147]) f=$n;; "
         b"*) f=$n.copy;; esac; [ x$(cat $f) = x$n ] || echo lost $n; done; "
         b"cd /; echo looked at $n")
CUTS = 5


def cut_at_work(terminal, done):
    """Work goes on behind number done until the machine is killed. Returns the last number that was
    synced before."""
    terminal.type(WORK % done)
    terminal.expect(rb"synced \d+\r*\n", 60 * PATIENCE)
    end = time.monotonic() + random.uniform(0, 3)
    while time.monotonic() < end:
        terminal.read(end - time.monotonic())
    terminal.kill()
    numbers = re.findall(rb"synced (\d+)\r*\n", terminal.log)
    terminal.close()
    return int(numbers[-1])


def power_cut(report):
    """The disk of `make run`: kill -9 in the middle, and boot again."""
    with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
        image, terminal, done = os.path.join(folder, "root.img"), None, 0
        try:
            terminal = boot_disk(image)
            report.passed("an image is made and boots")
            terminal.line(b"mkdir /home/mine")
            for cut in range(1, CUTS + 1):
                done = cut_at_work(terminal, done)
                terminal = boot_disk(image)
                terminal.line(b"cd /home/mine")
                lost = terminal.line(CHECK % done)
                report.check(f"cut {cut}: what was synced is there",
                             lost == b"looked at %d\n" % done)
                report.note(b"%d numbers: %s\n" % (done, lost))
            terminal.line(b"rm -r /home/x; echo last > /home/mine/last")
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
