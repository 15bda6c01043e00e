# SPDX-License-Identifier: MIT
"""Suite linux-disk: file systems that this kernel and Linux 6.1 hand to each other.

Three disks make three journeys. We make trees on them; one is unmounted, one is left
by a power cut with the changes in its journal and not at home, the third has no journal.
Linux mounts them, which replays our journal, and must find what we had: contents,
modes, owners, links, times. It makes trees of its own and cuts the power in turn; we replay
what it left, find what it had, and take everything away again. e2fsck looks at the disks
whenever they have been unmounted, and recovers copies of those that were not.

Both kernels run the same scripts in the same BusyBox.
"""

import os
import re
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
sys.path.insert(0, os.path.join(ROOT, "scripts", "lib"))
import linuxpeer  # noqa: E402

# label, options of mke2fs, MiB, type; "cut" is never unmounted before the last journey.
DISKS = (("whole", "-t ext3 -b 4096", 64, "ext3"),
         ("cut", "-t ext3 -b 1024", 48, "ext3"),
         ("plain", "-t ext2 -b 1024 -I 128", 32, "ext2"))

# Linux names disks in the order in which they answer: the label tells which is which.
MOUNT = """
set -e; umask 022; cd /
for m in /modules/*.ko; do if [ -f $m ]; then insmod $m; fi; done
i=0; until [ -b /dev/sda -a -b /dev/sdb -a -b /dev/sdc ] || [ $i = 100 ]; do
	sleep 0.1; i=$((i+1)); done
for d in a b c; do
	label=$(dd if=/dev/sd$d bs=1 skip=1144 count=5 2>/dev/null | tr -d '\\0')
	kind=ext3; [ $label != plain ] || kind=ext2
	mkdir -p /mnt/$label; mount -t $kind /dev/sd$d /mnt/$label
done
"""

# One line for each file; sums of all data in the order of names.
LIST = """
list() {
	for label in whole cut plain; do
		cd /mnt/$label; echo "== $1 $label"
		# Inodes of 128 bytes keep whole seconds.
		times='%y %z'; [ $label != plain ] || times='%Y %Z'
		find . -mindepth 1 ! -path './lost+found*' ! -name 'late-*' | sort | xargs stat -c \
			"%N %f %h %u %g %s %b %t %T $times"
		find . -type f ! -name 'late-*' | sort | xargs md5sum; cd /
	done
}
"""

# Every kind of file, of every depth of indirect blocks; changed, moved and deleted.
MAKE = """
make() {
	cd /mnt/$1; mkdir $2; cd $2
	mkdir -p a/b/c many old/sub sticky; chmod 1777 sticky; chmod 2750 a
	i=0; while [ $i -lt 150 ]; do echo $2 $i > many/name-$i; i=$((i+1)); done
	rm many/*3; mv many/name-10 a/moved; ln many/name-11 a/b/linked; mv old/sub a/b/c
	rmdir old
	head -c 5000 /bin/busybox > direct; head -c 200000 /bin/busybox > indirect
	cat /bin/busybox /bin/busybox > double
	echo far | dd of=sparse bs=1k seek=70000 conv=notrunc 2>/dev/null
	ln -s short fast; ln -s $(printf '%0100d' 7) slow; mkfifo pipe; mknod null c 1 3
	mknod big b 259 70000; head -c 300000 /bin/busybox > cut; truncate -s 12345 cut
	truncate -s 99999 cut; chown 1000:2000 direct; chown 70000:80000 indirect
	chmod 4711 direct; touch -d '2001-02-03 04:05:06' indirect a/b
	touch -h -d '2011-02-03 04:05:06' fast; touch -d '1969-12-31 23:00:00' a/b/linked
	[ $1 = plain ] || touch -d '2100-02-03 04:05:06' many/name-2
	cp double gone; rm gone; mv indirect many/name-1
	cd /
}
"""

REMOVE = """
remove() {
	rm -r /mnt/$1/$2/many /mnt/$1/$2/a/b; mv /mnt/$1/$2/double /mnt/$1/$2/twice
	echo more >> /mnt/$1/$2/direct; truncate -s 1000 /mnt/$1/$2/twice
}
"""

# fsync commits all that went before it, and sends nothing home; then the power goes.
CUT = """
cut() {
	dd if=/dev/null of=/mnt/cut/early conv=fsync 2>/dev/null; list $1
	umount /mnt/whole /mnt/plain; echo through; sleep 1
	dd if=/dev/null of=/mnt/cut/late-$1 conv=fsync 2>/dev/null
	echo o > /proc/sysrq-trigger; sleep 100
}
"""

FUNCTIONS = MOUNT + LIST + MAKE + REMOVE + CUT

FIRST = FUNCTIONS + """
for label in whole cut plain; do make $label ours; done; sync
for label in whole cut plain; do make $label again; remove $label ours; done
cut first
"""

SECOND = FUNCTIONS + """
ls /mnt/cut/late-first; list first
for label in whole cut plain; do make $label linux; remove $label again; done; sync
for label in whole cut plain; do make $label late; rm -r /mnt/$label/ours; done
cut second
"""

THIRD = FUNCTIONS + """
ls /mnt/cut/late-second; list second
for label in whole cut plain; do make $label last; done
for label in whole cut plain; do rm -r /mnt/$label/[a-k]* /mnt/$label/l[ai]*; done
umount /mnt/whole /mnt/cut /mnt/plain; echo through
"""


def run(report, folder, script, *words):
    """A journey: the script with all disks; power goes when it ends."""
    disks = [word for disk in DISKS for word in
             ("--disk", os.path.join(folder, disk[0] + ".img"))]
    return report.guest("--mem", "256", *words, *disks, "--keep", "--",
                        "/bin/busybox", "ash", "-c", script, timeout=150)


def through(result):
    return result.out.endswith(b"through\n")


def listing(result, name):
    """The lines that list NAME has printed."""
    text = result.out.decode("utf-8", "replace")
    return [line for part in re.findall(rf"^== {name} (?:.|\n)*?(?=^==|^through|\Z)",
                                        text, re.M) for line in part.splitlines()]


def whole(report, name, folder, *labels):
    for label in labels:
        result = report.run(["e2fsck", "-fn",
                             os.path.join(folder, label + ".img")])
        report.check(f"{name}: e2fsck finds nothing on {label}",
                     result.status == 0, result)


def left_dirty(report, folder, name):
    """The journal of "cut" is not empty; e2fsck recovers a copy without a complaint."""
    image, copy = (os.path.join(folder, each) for each in ("cut.img", "copy"))
    head = report.run(["dumpe2fs", "-h", image]).out
    start = re.search(rb"^Journal start: +(\d+)", head, re.M)
    report.check(f"{name}: the journal is to be replayed",
                 b"needs_recovery" in head and start and int(start.group(1)))
    shutil.copy(image, copy)
    replayed = report.run(["e2fsck", "-p", copy])
    found = report.run(["e2fsck", "-fn", copy])
    report.check(f"{name}: e2fsck recovers it", replayed.status <= 1 and
                 found.status == 0, found)
    os.unlink(copy)


def compare(report, name, before, after):
    report.check(name, before and before == after)
    if before != after:
        report.note("\n".join(
            ["only before:", *sorted(set(before) - set(after)), "only after:",
             *sorted(set(after) - set(before)), ""]).encode())


def suite(report):
    try:
        image, modules = linuxpeer.disk_kernel(os.path.join(BUILD, "linux-disk"))
    except linuxpeer.NoLinux as error:
        report.skipped("linux", str(error).splitlines()[0])
        return
    linux = ["--kernel", image, "--append", linuxpeer.APPEND]
    for number, path in enumerate(modules):
        linux += ["--add", f"{path}:/modules/{number:02}.ko"]
    with tempfile.TemporaryDirectory(prefix="cutaway-peer-") as folder:
        for label, options, mib, _ in DISKS:
            name = os.path.join(folder, label + ".img")
            with open(name, "wb") as stream:
                stream.truncate(mib << 20)
            made = report.run(["mke2fs", "-q", "-F", "-L", label,
                               *options.split(), name])
            report.check(f"mke2fs {options}", made.status == 0, made)
        journeys(report, folder, linux)


def journeys(report, folder, linux):
    first = run(report, folder, FIRST, "--smp", "2")
    report.check("we make trees", through(first), first)
    whole(report, "ours", folder, "whole", "plain")
    left_dirty(report, folder, "first")
    # In the journal alone: debugfs, which reads none, must not see it.
    home = report.run(["debugfs", "-R", "stat late-first",
                       os.path.join(folder, "cut.img")])
    report.check("first: the journal has what is nowhere else",
                 b"not found" in home.err, home)
    second = run(report, folder, SECOND, *linux)
    report.check("Linux makes trees", through(second), second)
    compare(report, "Linux finds what we had",
            listing(first, "first"), listing(second, "first"))
    whole(report, "Linux's", folder, "whole", "plain")
    left_dirty(report, folder, "second")
    third = run(report, folder, THIRD, "--smp", "2")
    report.check("we take everything away", through(third), third)
    compare(report, "we find what Linux had", listing(second, "second"),
            listing(third, "second"))
    whole(report, "in the end", folder, *(disk[0] for disk in DISKS))
