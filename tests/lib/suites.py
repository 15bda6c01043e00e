# SPDX-License-Identifier: MIT
"""The suites of tests/run_all.py: one table, and a function per kind of suite.

A suite's function gets a Report and the arguments of its line in the table. It
states results with report.check() or hands whole KTAP output to report.ktap();
what it runs goes through report.run() or report.guest(), which keep a log.
"""

import glob
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from xml.etree import ElementTree

import console
import disktest
import gdbodd
import gdbpage
import gdbreplay
import gdbtest
import ktap
import linuxdisk
import memtest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
GUEST = os.path.join(ROOT, "scripts", "guest")
# Slow or busy machines: TEST_PATIENCE=3 makes every time limit three times as long.
PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))

Result = namedtuple("Result", "status out err")
Suite = namedtuple("Suite", "name text function arguments default",
                   defaults=((), True))


class Report:
    """Results and log of one suite."""

    def __init__(self, name):
        self.leaves = []
        self.remarks = []       # shown even when all is well
        folder = os.path.join(BUILD, "test-logs")
        os.makedirs(folder, exist_ok=True)
        self.log_name = os.path.join(folder, name + ".log")
        self._log = open(self.log_name, "wb")

    def close(self):
        self._log.close()

    def note(self, data):
        self._log.write(data)

    def count(self, state):
        return sum(leaf.state == state for leaf in self.leaves)

    def passed(self, name):
        self.leaves.append(ktap.Leaf(name, "passed"))

    def failed(self, name, detail=""):
        self.leaves.append(ktap.Leaf(name, "failed", detail))

    def skipped(self, name, why):
        self.leaves.append(ktap.Leaf(name, "skipped", why))

    def check(self, name, condition, result=None):
        """One result; a Result explains a failure."""
        if condition:
            self.passed(name)
        else:
            self.failed(name, explain(result) if result else "")

    def ktap(self, name, result):
        """The leaves of a KTAP output. A status other than 0 without a failed
        leaf is a failure of its own."""
        leaves = ktap.parse(result.out.decode("utf-8", "replace"), name)
        for leaf in leaves:
            if not leaf.name.startswith(name):
                leaf.name = f"{name}: {leaf.name}"
        self.leaves += leaves
        if result.status and all(leaf.state != "failed" for leaf in leaves):
            self.failed(name, explain(result))

    def run(self, command, data=b"", timeout=60, as_file=False):
        """Runs a command to its end; a time-out counts as status 124. data is
        its stdin, by a pipe or as a file. While the command runs, its output
        is in files beside the log."""
        command = [str(word) for word in command]
        self._log.write(f"$ {' '.join(command)}\n".encode())
        self._log.flush()
        with open(self.log_name + ".out", "w+b") as out, \
                open(self.log_name + ".err", "w+b") as err, \
                tempfile.TemporaryFile() as stdin:
            if as_file:
                stdin.write(data)
                stdin.seek(0)
            status = self._wait(command, stdin if as_file else data,
                                timeout * PATIENCE, out, err)
            out.seek(0)
            err.seek(0)
            result = Result(status, out.read(), err.read())
        os.unlink(out.name)
        os.unlink(err.name)
        self._log.write(result.out + result.err +
                        f"[status {result.status}]\n".encode())
        return result

    def _wait(self, command, stdin, seconds, out, err):
        """The command has a session of its own, which dies as a whole."""
        piped = isinstance(stdin, bytes)
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err,
                                   stdin=subprocess.PIPE if piped else stdin,
                                   start_new_session=True)
        try:
            process.communicate(stdin if piped else None, timeout=seconds)
            return process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            err.write(b"(timed out)\n")
            return 124

    def guest(self, *words, data=b"", timeout=60):
        """Runs a program on the kernel. words: options, --, program."""
        return self.run([GUEST, "--timeout", timeout * PATIENCE, *words],
                        data, timeout + 30)


def explain(result):
    text = [f"status {result.status}"]
    for label, data in (("stdout", result.out), ("stderr", result.err)):
        if data:
            lines = data.decode("utf-8", "replace").splitlines()
            text += [f"{label}: {line}" for line in lines[-20:]]
    return "\n".join(text)


# ---- on the host ------------------------------------------------------------

def host(report):
    """Python's unittest on our own tools, one leaf per test method."""
    for name in sorted(glob.glob(os.path.join(ROOT, "tests/host/test_*.py"))):
        result = report.run([sys.executable, name, "-v"], timeout=180)
        program = os.path.basename(name)[:-3]
        text = result.err.decode("utf-8", "replace")
        found = re.findall(r"^(test\w+) .*?\.\.\. (\w+)", text, re.M | re.S)
        bad = [test for test, word in found if word not in ("ok", "skipped")]
        for test, _ in found:
            if test in bad:
                trace = re.search(rf"^(?:FAIL|ERROR): {test} .*?(?=^===|\Z)",
                                  text, re.M | re.S)
                report.failed(f"{program}/{test}", trace[0] if trace else "")
            else:
                report.passed(f"{program}/{test}")
        if not bad:
            report.check(program, found and result.status == 0, result)


def unit(report):
    """The programs that the Makefile made of tests/unit/*.c."""
    for source in sorted(glob.glob(os.path.join(ROOT, "tests/unit/*.c"))):
        name = os.path.basename(source)[:-2]
        result = report.run([os.path.join(BUILD, "unit", name)], timeout=120)
        if b"1.." in result.out:
            report.ktap(name, result)
        else:
            report.check(name, result.status == 0, result)


def layers(report):
    nm = os.environ.get("CROSS_COMPILE", "x86_64-linux-gnu-") + "nm"
    result = report.run([sys.executable, "tests/check_layers.py", "--nm", nm,
                         os.path.join(BUILD, "obj")])
    report.check("layers", result.status == 0, result)


def docs(report):
    result = report.run([sys.executable, "tests/check_docs.py"])
    report.check("docs", result.status == 0, result)


def linux(report):
    """The in-guest programs on this machine's Linux: do they test the ABI?
    The shell scripts in our sh and in the host's: do they test shells?"""
    report.ktap("runall", report.run([os.path.join(BUILD, "user/tests/runall")],
                                     timeout=600))
    for script in scripts():
        for shell_name in (os.path.join(BUILD, "user/bin/sh"), "/bin/sh"):
            report.ktap(f"{os.path.basename(script)} in {shell_name}",
                        report.run(["env", f"SH={shell_name}", shell_name,
                                    script], timeout=200))


# ---- on disks ----

# Those of tests/guest that have to do with files; TAP_DIR is where they work.
FILE_TESTS = ("file_io file_open path perm rename dirent file_calls fallocate "
              "mmap_file openat2 locks fifo inotify splice seals mount exec "
              "exec_script exec_elf cred limits forkshare efault races fsraces "
              "mapstorm").split()


def make_disk(report, folder, options, mib):
    image = os.path.join(folder, "disk.img")
    with open(image, "wb") as stream:
        stream.truncate(mib << 20)
    result = report.run(["mke2fs", "-q", "-F", *options.split(), image])
    report.check(f"mke2fs {options}", result.status == 0, result)
    return image


def whole(report, name, image):
    result = report.run(["e2fsck", "-fn", image])
    report.check(f"{name}: e2fsck finds nothing", result.status == 0, result)


def ext2(report, *options):
    """The file tests on a disk, with each kind of file system."""
    for kind, flags in (("ext2", "-b 4096"), ("ext3", "-b 4096 -j"),
                        ("ext3", "-b 1024 -j")):
        with tempfile.TemporaryDirectory(prefix="cutaway-ext2-") as folder:
            image = make_disk(report, folder, flags, 96)
            report.ktap(flags, report.guest(
                *options, "--disk", image, "--keep", "--env", "TAP_DIR=/mnt",
                "--", "/bin/busybox", "ash", "-c",
                f"mount -t {kind} /dev/sda /mnt && chmod 1777 /mnt && "
                f"{{ /tests/runall {' '.join(FILE_TESTS)}; s=$?; umount /mnt; "
                "exit $s; }", timeout=300))
            for leaf in report.leaves:
                # As on Linux: files of 16 GiB, links of one block.
                if "-b 1024" in leaf.name and leaf.name.endswith(
                        ("holes_are_zero", "long_link_target")):
                    leaf.state = "skipped"
            whole(report, flags, image)


def disk_files(report, *options):
    """The file tests where the root is a disk like that of `make run`."""
    with tempfile.TemporaryDirectory(prefix="cutaway-root-") as folder:
        image = os.path.join(folder, "root.img")
        made = report.run([os.path.join(ROOT, "scripts", "image"), image, "fresh"])
        report.check("an image of the root", made.status == 0, made)
        for each in ((), options):
            report.ktap("runall", report.guest(
                *each, "--root", image, "--keep", "--", "/tests/runall", *FILE_TESTS,
                timeout=200))
            whole(report, " ".join(each) or "one CPU", image)


TREE = """
used() {{ sync; df . | tail -n 1; df -i . | tail -n 1; }}
mount -t {kind} /dev/sda /mnt && cd /mnt && before=$(used) &&
tar xf /tree.tar && sync && cd / && umount /mnt && mount -t {kind} /dev/sda /mnt &&
cd /mnt/tree && find . -type f | sort | xargs md5sum | md5sum && find . | sort | md5sum &&
cd /mnt && rm -rf tree && [ "$before" = "$(used)" ] || exit 1
# Full of data, and then of names; what needs more than is left fails and leaves nothing.
mkdir full && dd if=/dev/zero of=full/data bs=64k 2>/dev/null
i=0; while mkdir full/d$i 2>/dev/null || true > full/$i; do i=$((i+1)); done 2>/dev/null
mkdir full/d0/more; ln -s $(printf '%0100d' 7) full/slow; cp /bin/busybox full/copy
rm -r full; [ "$before" = "$(used)" ] || exit 2
mkdir many && i=0 && while true > many/$i; do i=$((i+1)); done 2>/dev/null
true > more; mkdir more; mv many/7 many/a-longer-name; rm -r many
[ "$before" = "$(used)" ] && cd / && umount /mnt && echo same
"""


def disk_trees(report):
    """5,000 files come and go; the disk is filled and emptied; what mke2fs -d made."""
    with tempfile.TemporaryDirectory(prefix="cutaway-tree-") as folder:
        tree = os.path.join(folder, "tree")
        for i in range(5000):
            name = os.path.join(tree, f"d{i % 50}", f"e{i % 7}", f"file{i}")
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "wb") as stream:
                stream.write(f"{i} ".encode() * (i * 37 % 2000))
        tar = os.path.join(folder, "tree.tar")
        report.run(["tar", "-C", folder, "-cf", tar, "tree"])
        sums = report.run(["sh", "-c", f"export LC_ALL=C; cd {tree} && find . -type f | sort | "
                           "xargs md5sum | md5sum && find . | sort | md5sum"]).out
        for kind, flags in (("ext3", "-b 4096 -j -N 8000"), ("ext2", "-b 1024 -N 8000")):
            image = make_disk(report, folder, flags, 128)
            result = report.guest(
                "--mem", "256", "--disk", image, "--keep", "--add", f"{tar}:/tree.tar",
                "--", "/bin/busybox", "ash", "-c", TREE.format(kind=kind), timeout=300)
            report.check(f"{flags}: sums as on Linux, no block lost",
                         result.status == 0 and result.out == sums + b"same\n", result)
            whole(report, flags, image)
        image = make_disk(report, folder, f"-b 4096 -j -d {tree}", 128)
        result = report.guest(
            "--disk", image, "--", "/bin/busybox", "ash", "-c",
            "mount -t ext3 -o ro /dev/sda /mnt && cd /mnt && rmdir lost+found 2>/dev/null; "
            "find . -type f | sort | xargs md5sum | md5sum", timeout=120)
        report.check("what mke2fs -d has made", result.out == sums.splitlines(True)[0], result)


def crash_test(report, states):
    result = report.run([os.path.join(ROOT, "scripts", "crashtest"), "--states", states,
                         "--steps", "250", "--boots", "1"], timeout=400)
    report.check(f"{states} crash states recover", result.status == 0, result)


# ---- on the kernel ----------------------------------------------------------

PIPELINE = b"cat /home/failures.txt | grep Prakhar | sort\nexit\n"


def in_guest(report, *options):
    """All programs of tests/guest."""
    result = report.guest(*options, "--", "/tests/runall", timeout=300)
    report.ktap("runall", result)


BAD_SECTORS = """[inject-error]
event = "write_aio"
errno = "5"
sector = "2048"
[inject-error]
event = "read_aio"
errno = "5"
sector = "4096"
"""


def disks(report, *options):
    """Block devices: one in memory, one behind AHCI, one with bad sectors."""
    report.ktap("ram0", report.guest(*options, "--append", "ramdisk=16", "--",
                                     "/tests/blkdev", timeout=120))
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "disk")
        with open(image, "wb") as stream:
            stream.truncate(16 << 20)
        report.ktap("sda", report.guest(
            *options, "--disk", image, "--env", "TEST_DISK=/dev/sda", "--",
            "/tests/blkdev", timeout=120))
        rules = os.path.join(folder, "rules")
        with open(rules, "w", encoding="ascii") as stream:
            stream.write(BAD_SECTORS)
        report.ktap("bad sectors", report.guest(
            *options, "--qemu", f"-drive file=blkdebug:{rules}:{image},"
            "format=raw,if=none,id=bad -device ide-hd,drive=bad,bus=ide.0",
            "--env", "TEST_BADDISK=/dev/sda", "--", "/tests/diskerr",
            timeout=120))


def pipeline(report, *options, shells=(("/bin/sh",), ("/bin/busybox", "ash"))):
    """The lecture's pipeline, fed to a shell on stdin."""
    with open(os.path.join(ROOT, "user/rootfs/home/failures.txt"),
              "rb") as stream:
        lines = [line for line in stream if b"Prakhar" in line]
    for shell in shells:
        result = report.guest(*options, "--", *shell, data=PIPELINE)
        report.check("pipeline in " + " ".join(shell),
                     result.status == 0 and lines and
                     result.out == b"".join(sorted(lines)), result)


def expect(report, name, result, status, out=None):
    report.check(name, result.status == status and
                 (out is None or result.out == out), result)


def static_binaries(report):
    """Debian's own static programs, unchanged."""
    count = "for i in $(seq 100); do (exit 3) || true; done; echo $((6*7))"
    for name in ("bash", "zsh"):
        path = f"/bin/{name}-static"
        add = ("--add", f"{path}:/bin/{name}")
        expect(report, f"{name}: 100 subshells", report.guest(
            *add, "--", f"/bin/{name}", "-c", count), 0, b"42\n")
        expect(report, f"{name}: pipeline and redirection", report.guest(
            *add, "--", f"/bin/{name}", "-c",
            "echo b > /tmp/x; echo a >> /tmp/x; sort < /tmp/x | tr ab AB"),
            0, b"A\nB\n")
        expect(report, f"{name}: status", report.guest(
            *add, "--", f"/bin/{name}", "-c", "exit 7"), 7, b"")
    busybox = ("--", "/bin/busybox")
    expect(report, "ash: 100 subshells",
           report.guest(*busybox, "ash", "-c", count), 0, b"42\n")
    expect(report, "applets", report.guest(
        *busybox, "ash", "-c", "mkdir /tmp/d && cd /tmp/d && seq 5 > f && "
        "cp f g && mv g h && ln -s h l && ls && wc -l < l && md5sum f h | "
        "cut -c1-32 | uniq | wc -l && rm -r /tmp/d && ps | grep -c [/]sbin"),
        0, b"f\nh\nl\n5\n1\n1\n")


SQL = b"""create table t(n integer primary key, name text);
begin;
with recursive c(n) as (select 1 union all select n + 1 from c where n < 1000)
    insert into t select n, 'row ' || n from c;
commit;
"""
READ_BACK = "select count(*), sum(n), max(name) from t; pragma integrity_check;"
PYTHON_WORK = r"""
import ctypes, hashlib, json, mmap, os, subprocess, sys, tempfile, threading
print(sum(range(10**6)))
done = subprocess.run(["/bin/sort"], input=b"b\na\n", capture_output=True)
print(json.dumps([done.returncode, done.stdout.decode()]))
with tempfile.TemporaryFile() as stream:
    stream.write(bytes(10000))
    stream.flush()
    with mmap.mmap(stream.fileno(), 0) as pages:
        pages[5000:5003] = b"abc"
    print(os.pread(stream.fileno(), 5, 4999))
total = []
threads = [threading.Thread(target=total.append, args=(i,)) for i in range(20)]
[t.start() for t in threads], [t.join() for t in threads]
print(sum(total), hashlib.sha256(b"abc").hexdigest()[:8])
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), ctypes.CDLL(None).getppid() > 0)
sys.exit(3)
"""
PYTHON_SAYS = rb"""499999500000
[0, "a\nb\n"]
b'\x00abc\x00'
190 ba7816bf
7 True
"""


def dynamic_binaries(report, *options):
    """Debian's own dynamically linked programs, with the libraries that they
    have on this machine."""
    if os.uname().machine != "x86_64":
        return report.skipped("dynamic", "this machine's programs are others")

    def run(program, *words, **more):
        return report.guest(*options, "--add-program", program, "--", *words,
                            **more)

    result = run("/bin/ls", "/bin/ls", "-l", "/etc/passwd", "/bin/sh")
    report.check("ls -l", result.status == 0 and re.fullmatch(
        rb"-rwxr-xr-x 1 root root +\d+ .* /bin/sh\n"
        rb"-rw-r--r-- 1 root root +\d+ .* /etc/passwd\n", result.out), result)
    expect(report, "lua: closures, strings, a coroutine, a pipe",
           run("/usr/bin/lua5.4", "/usr/bin/lua5.4", "-e", """
               local co = coroutine.wrap(function()
                   for i = 1, 3 do coroutine.yield(i * i) end end)
               print(co(), co(), co(), ("x"):rep(3), 2^53 | 0)
               print(io.popen("echo 6 | tr 6 7"):read("n"))"""), 0,
           b"1\t4\t9\txxx\t9007199254740992\n7\n")
    expect(report, "sqlite3: 1000 inserts in a transaction, read back",
           run("/usr/bin/sqlite3", "/bin/sh", "-c", "sqlite3 /tmp/db && "
               f"sqlite3 /tmp/db '{READ_BACK}'", data=SQL), 0,
           b"1000|500500|row 999\nok\n")
    expect(report, "python3: the standard library at work",
           run("/usr/bin/python3", "/usr/bin/python3", "-c", PYTHON_WORK),
           3, PYTHON_SAYS)
    result = run("/bin/cat", "/lib64/ld-linux-x86-64.so.2", "--list",
                 "/bin/cat")
    report.check("the loader finds the vDSO", result.status == 0 and
                 b"linux-vdso.so.1 (0x" in result.out, result)
    randomness(report, run("/bin/cat", "/bin/sh", "-c", MAPS_TWICE), True)
    randomness(report, report.guest("--append", "norandmaps", "--add-program",
                                    "/bin/cat", "--", "/bin/sh", "-c",
                                    MAPS_TWICE), False)


MAPS_TWICE = "for i in 1 2; do /bin/cat /proc/self/maps; echo; done"


def randomness(report, result, wanted):
    """Two maps of one program, an empty line behind each."""
    places = []
    for text in result.out.decode().split("\n\n")[:2]:
        first = {}
        for line in text.splitlines():
            first.setdefault(line.split()[-1], line.split("-")[0])
        places.append(first)
    for what in ("/bin/cat", "/lib/x86_64-linux-gnu/libc.so.6",
                 "/lib64/ld-linux-x86-64.so.2", "[heap]", "[stack]", "[vdso]"):
        report.check(f"{what} {'moves' if wanted else 'stays'}",
                     all(what in each for each in places) and
                     (places[0][what] != places[-1][what]) == wanted, result)


def frames(result, pattern):
    """The groups of each line that matches, and each frame by the letter of
    the alphabet that says when it was first seen."""
    letters, rows = {}, []
    for line in re.finditer(pattern, result.out.decode(), re.M):
        *words, frame = line.groups()
        letter = letters.setdefault(frame, chr(ord("a") + len(letters)))
        rows.append(" ".join((*words, letter)))
    return rows


def demos(report):
    """What the demonstrations of memory show is what happens."""
    result = report.guest("--smp", "2", "--", "cowdemo")
    report.check("cowdemo", result.status == 0 and frames(
        result, r"^  (\w+) .* value (\d) at \S+, frame (0x\w+)")[:5] ==
        ["parent 1 a", "child 1 a", "child 2 b", "parent 1 a", "parent 3 a"],
        result)
    seconds = frames(result, r"^  (\w+) .* value (\d) at \S+, frame (0x\w+)")[5:]
    report.check("cowdemo, parent first", len(seconds) == 5 and
                 seconds[0][-1] == seconds[1][-1] == seconds[3][-1] ==
                 seconds[4][-1] != seconds[2][-1], result)
    result = report.guest("--", "vforkdemo")
    report.check("vforkdemo", result.status == 0 and frames(
        result, r"^  (\w+)[ ,].* value (\d) at \S+, frame (0x\w+)") ==
        ["parent 1 a", "child 2 b", "parent 1 a",
         "parent 1 a", "child 2 a", "parent 2 a"] and
        b"before the child's nap" in result.out and
        b"after the child's nap" in result.out, result)
    result = report.guest("--smp", "2", "--", "mmapdemo")
    report.check("mmapdemo", result.status == 0 and frames(
        result, r"^  ([ABC]) .*, frame +(0x\w+):") ==
        "A a,B a,C a,A a,A a,B a,C a,C b,A a,B a,C b,A a,B a,C b".split(","),
        result)
    report.check("mmapdemo, the file", re.findall(
        rb"finds +\"(.*)\"", result.out) == [
            b"as it was", b"stored by A", b"stored by A",
            b"written by write()"], result)


def own_program(report):
    """A program that somebody has written, with either C library."""
    wanted = b"10000 10000 50\n2 1.732051 Function not implemented\ny\n"
    with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
        for library, compiler in (("glibc", "gcc"), ("musl", "musl-gcc")):
            path = os.path.join(folder, library)
            built = report.run([compiler, "-static", "-O2", "-o", path,
                                "tests/host/own_program.c", "-lm", "-pthread"])
            report.check(f"{library}: built", built.status == 0, built)
            for cpus in ("1", "2", "4"):
                expect(report, f"{library}: 50 threads on {cpus} CPUs",
                       report.guest("--smp", cpus, "--add",
                                    f"{path}:/bin/mine", "--", "mine", "3"),
                       42, wanted)


def statuses(report):
    """What scripts/guest promises to a caller."""
    shell = ("--", "/bin/sh", "-c")
    for name, words, status in (
            ("true", ("--", "true"), 0),
            ("false", ("--", "false"), 1),
            ("exit 42", (*shell, "exit 42"), 42),
            ("exit 255", (*shell, "exit 255"), 255),
            ("SIGSEGV", (*shell, "kill -SEGV $$"), 128 + signal.SIGSEGV),
            ("SIGKILL", (*shell, "kill -9 $$"), 128 + signal.SIGKILL),
            ("not found", ("--", "/bin/no-such-program"), 127),
            ("not executable", ("--", "/home/failures.txt"), 126),
            ("bad option", ("--no-such-option", "--", "true"), 125)):
        expect(report, name, report.guest(*words), status, b"")
    result = report.run([GUEST, "--timeout", 3 * PATIENCE, "--", "sleep",
                         "1000"], timeout=60)
    expect(report, "time-out", result, 124, b"")
    result = report.guest(*shell, "echo c > /proc/sysrq-trigger; sleep 10")
    report.check("panic", result.status == 134 and b"panic" in result.err and
                 result.out == b"", result)


def streams(report):
    """The program's streams arrive byte for byte."""
    data = bytes(range(256)) * 256
    expect(report, "64 KiB of every byte through cat",
           report.guest("--", "cat", data=data), 0, data)
    data = os.urandom(1000000)
    expect(report, "a file as stdin", report.run(
        [GUEST, "--", "cat"], data, as_file=True), 0, data)
    result = report.guest("--", "/bin/sh", "-c", "echo out; echo err >&2")
    report.check("stderr is apart", result == Result(0, b"out\n", b"err\n"),
                 result)
    expect(report, "end of file at once", report.guest("--", "cat"), 0, b"")
    expect(report, "arguments", report.guest(
        "--", "/bin/busybox", "printf", "[%s]", "a b", "", "*"), 0,
        b"[a b][][*]")
    expect(report, "environment and folder", report.guest(
        "--env", "WORD=x y", "--cwd", "/tmp", "--", "/bin/sh", "-c",
        "echo $WORD; pwd"), 0, b"x y\n/tmp\n")


def scripts():
    return sorted(glob.glob(os.path.join(ROOT, "tests/guest/scripts/*.sh")))


def shell(report):
    """tests/guest/scripts in our sh."""
    for script in scripts():
        name = os.path.basename(script)
        report.ktap(name, report.guest("--", "/bin/sh",
                                       f"/tests/scripts/{name}", timeout=200))


def keyboard(report, *options):
    """scripts/run at a terminal: prompt, keys, ^C, poweroff."""
    terminal = console.Console([os.path.join(ROOT, "scripts/run"), *options],
                               ROOT)
    try:
        terminal.expect(console.PROMPT, 60 * PATIENCE)
        report.passed("prompt")
        report.check("a line", b"42\n" in terminal.line(b"echo $((6*7))"))
        report.check("a pipeline", b"\n3\n" in b"\n" + terminal.line(
            b"seq 30 | grep 2 | tail -n 3 | wc -l"))
        terminal.type(b"sleep 1000; echo status $?\r")
        terminal.expect(rb"\n")
        time.sleep(0.5)
        terminal.type(b"\x03")
        terminal.expect(console.PROMPT)
        report.check("^C", b"130\n" in terminal.line(b"echo $?"))
        terminal.type(b"exit\r")
        terminal.expect(console.PROMPT)
        report.passed("a new shell after exit")
        terminal.type(b"poweroff\r")
        report.check("poweroff", terminal.end(30 * PATIENCE) == 0)
        report.check("the terminal is restored", terminal.restored())
    except console.NotSeen as error:
        report.failed("not seen", error.args[0].decode("utf-8", "replace"))
    finally:
        terminal.close()
        report.note(terminal.log)


def debugger(report):
    """`make gdb` with a QEMU of its own, and on the one of `make debug`."""
    to_kmain = ["scripts/gdb/start", "-batch", "-ex", "continue", "-ex",
                "backtrace"]
    result = report.run(to_kmain)
    report.check("gdb alone stops in kmain", result.status == 0 and
                 b"Breakpoint 1, kmain" in result.out and
                 b"boot.S:" in result.out, result)
    terminal = console.Console(["scripts/run", "--wait-gdb"], ROOT)
    try:
        terminal.expect(rb"QEMU waits")
        result = report.run(to_kmain)
        report.check("gdb attaches", b"Breakpoint 1, kmain" in result.out,
                     result)
        terminal.expect(console.PROMPT, 60 * PATIENCE)
        report.passed("the guest goes on when gdb has gone")
    except console.NotSeen as error:
        report.failed("not seen", error.args[0].decode("utf-8", "replace"))
    finally:
        terminal.close()
        report.note(terminal.log)


def boot_times(report):
    """QEMU's start to the prompt, on a quiet host please."""
    for name, options in (("fast boot", ()),
                          ("from the disk", ("--root", os.path.join(
                              BUILD, "root.img"))),
                          ("GRUB by BIOS", ("--iso",)),
                          ("GRUB by UEFI", ("--uefi",))):
        times = [boot_time(report, options) for _ in range(5)]
        report.passed(name)
        report.remarks.append(f"{name:13} {statistics.median(times):.2f} s "
                              f"to the prompt ({min(times):.2f} to "
                              f"{max(times):.2f})")


def boot_time(report, options):
    terminal = console.Console(["scripts/run", *options], ROOT)
    try:
        terminal.expect(rb"Booting\.")
        start = time.monotonic()
        terminal.expect(console.PROMPT, 60 * PATIENCE)
        return time.monotonic() - start
    finally:
        terminal.close()
        report.note(terminal.log)


def boot(report, *options):
    """A way to boot: the keyboard on the image of `make iso`, then an image
    made for the run with the pipeline, and one test program."""
    keyboard(report, *(word for word in options if word in ("--iso", "--uefi")))
    pipeline(report, *options, shells=(("/bin/sh",),))
    report.ktap("proc", report.guest(*options, "--", "/tests/proc"))


def profiler(report):
    """make profile: a table that names both sides, and a picture."""
    tool = os.path.join(ROOT, "scripts/profile")
    program = ("/bin/bench", "--quick", "fork+exit", "pipe")
    for label, options in (("instructions", ()), ("two CPUs", ("--smp", "2")),
                           ("debug kernel", ("--debug", "--real"))):
        with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
            image = os.path.join(folder, "flame.svg")
            result = report.run([tool, "--out", image, "--rows", "999",
                                 *options, "--",
                                 *program], timeout=60)
            found = os.path.exists(image) and ElementTree.parse(image).getroot()
        text = result.out.decode("utf-8", "replace")
        report.check(f"{label}: kernel and user functions", result.status == 0
                     and found is not False and " sys_" in text and
                     " bench:" in text, result)
    result = report.guest("--", "/bin/profile", "-r", "5000", "false")
    report.check("the program's status, and stacks for stdout", result.status
                 == 1 and re.search(rb"# \d+ samples, \d+ lost\n$",
                                    result.out), result)
    result = report.guest("--append", "nolapic", "--", "/bin/profile", "true")
    report.check("an error where there is no NMI", result.status == 125 and
                 b"No such device" in result.err, result)


def bench(report):
    """The short form of make bench: every kind of row works and is well
    formed. A slow row is no failure."""
    result = report.run([os.path.join(ROOT, "scripts/bench"), "--quick"],
                        timeout=120)
    report.check("rows", result.status == 0, result)


# Long ones first, so that the last to end are short.
SUITES = (
    Suite("debug-smp2", "in-guest tests, debug kernel, two CPUs", in_guest,
          ("--debug", "--smp", "2")),
    Suite("ubsan", "in-guest tests, kernel under UBSan, two CPUs", in_guest,
          ("--san", "--smp", "2")),
    Suite("smp2", "in-guest tests, two CPUs", in_guest, ("--smp", "2")),
    Suite("smp1", "in-guest tests, one CPU", in_guest),
    Suite("nolapic", "in-guest tests on PIC and PIT", in_guest,
          ("--append", "nolapic")),
    Suite("uefi", "GRUB image by UEFI", boot, ("--uefi", "--mem", "256")),
    Suite("bios", "GRUB image by BIOS", boot, ("--iso",)),
    Suite("host", "our own tools", host),
    Suite("unit", "pure code on the host under ASan and UBSan", unit),
    Suite("ext2", "the file tests on disks, debug kernel, two CPUs", ext2,
          ("--debug", "--smp", "2")),
    Suite("disk-files", "the file tests on a disk as the root, one and two CPUs", disk_files,
          ("--debug", "--smp", "2")),
    Suite("disk-trees", "5,000 files on a disk, a full disk, an image of mke2fs -d",
          disk_trees),
    Suite("linux-disk", "disks that we and Linux 6.1 hand to each other",
          linuxdisk.suite),
    Suite("crash", "make crashtest, in its short form", crash_test, (200,)),
    Suite("binaries", "static programs of Debian", static_binaries),
    Suite("dynamic", "dynamically linked programs of Debian", dynamic_binaries,
          ("--smp", "2")),
    Suite("demos", "demonstrations of memory", demos),
    Suite("own", "a program of the user's own, glibc and musl", own_program),
    Suite("statuses", "exit statuses of scripts/guest", statuses),
    Suite("streams", "stdin, stdout, stderr, arguments", streams),
    Suite("shell", "our sh: tests/guest/scripts", shell),
    Suite("pipeline", "the lecture's pipeline in sh and ash", pipeline),
    Suite("disk", "block devices in memory, behind AHCI, with bad sectors", disks,
          ("--debug", "--smp", "2")),
    Suite("mem16", "the pipeline in 16 MiB", pipeline, ("--mem", "16")),
    Suite("pressure", "more memory wanted than there is", memtest.pressure),
    Suite("keyboard", "scripts/run at a terminal", keyboard),
    Suite("diskerrors", "disks that fail, and that do not answer",
          disktest.errors),
    Suite("powercut", "the disk of make run, and kill -9", disktest.power_cut),
    Suite("bench", "make bench, in its short form", bench),
    Suite("profile", "make profile", profiler),
    Suite("debugger", "make gdb and make debug", debugger),
    Suite("gdb-fault", "ct-fault explains each kind of page fault",
          gdbtest.faults),
    Suite("gdb-commands", "the other commands ct-*, on whole and broken kernels",
          gdbtest.commands),
    Suite("gdb-answers", "ct-* with wrong arguments and at unusual moments",
          gdbodd.answers),
    Suite("gdb-backtrace", "ct-bt leaves GDB as it was", gdbodd.backtraces),
    Suite("gdb-dynamic", "symbols of position-independent programs and libraries",
          gdbtest.dynamic),
    Suite("gdb-locks", "ct-locks on a kernel in a deadlock", gdbodd.deadlocks),
    Suite("gdb-smp2", "ct-* on the debug kernel and two CPUs",
          gdbtest.debug_kernel),
    Suite("gdb-replay", "make record, make replay and ct-back",
          gdbreplay.replay),
    Suite("gdb-replay-disk", "the same of a machine with a disk",
          gdbreplay.replay_disk),
    Suite("gdb-page", "docs/page-fault.md, typed and compared", gdbpage.suite),
    Suite("layers", "no file reaches upwards", layers),
    Suite("docs", "references in the documents", docs),
    Suite("times", "how long it takes to the prompt", boot_times, (), False),
    Suite("linux", "in-guest programs on this machine's Linux", linux, (),
          False),
)
