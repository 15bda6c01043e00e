# SPDX-License-Identifier: MIT
"""scripts/guest against a stand-in for QEMU: options, streams, statuses."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GUEST = os.path.join(ROOT, "scripts", "guest")
sys.path.insert(0, os.path.join(ROOT, "scripts", "lib"))
sys.dont_write_bytecode = True
import cpio  # noqa: E402
import machine  # noqa: E402


class GuestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="cutaway-test-")
        cls.build = os.path.join(cls.folder.name, "build")
        os.mkdir(cls.build)
        with open(os.path.join(cls.build, "cutaway.elf"), "wb") as out:
            out.write(b"\x7fELF")
        os.makedirs(os.path.join(cls.build, "user", "bin"))
        with open(os.path.join(cls.build, "user/bin/init"), "wb") as out:
            out.write(b"the runner")
        archive = cpio.Archive()
        archive.add_dir("/tmp", 0o1777)
        archive.add_dir("/bin")
        with open(os.path.join(cls.build, "initrd.cpio"), "wb") as out:
            archive.write(out)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def environment(self):
        return dict(os.environ, O=self.build, TMPDIR=self.folder.name,
                    CUTAWAY_QEMU=os.path.join(HERE, "stub_qemu.py"))

    def guest(self, *words, data=b""):
        done = subprocess.run([GUEST, *words], input=data, timeout=30,
                              env=self.environment(), capture_output=True,
                              check=False)
        return done.returncode, done.stdout, done.stderr

    def path(self, name, data=None, mode=0o644):
        path = os.path.join(self.folder.name, name)
        if data is not None:
            with open(path, "wb") as out:
                out.write(data)
            os.chmod(path, mode)
        return path


class Streams(GuestCase):
    def test_stdin_reaches_stdout_unchanged(self):
        data = bytes(range(256)) * 700
        self.assertEqual(self.guest("cat", data=data), (0, data, b""))

    def test_empty_stdin(self):
        self.assertEqual(self.guest("--", "cat"), (0, b"", b""))

    def test_closed_stdin(self):
        done = subprocess.run(["sh", "-c", f"exec {GUEST} cat <&-"],
                              env=self.environment(), timeout=30,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_regular_file_as_stdin(self):
        lines = b"some lines\n" * 100000
        name = self.path("input", lines)
        for memory, used in (("4", 0), ("128", 11)):    # streamed, shipped
            with self.subTest(memory=memory), open(name, "rb") as stream:
                os.lseek(stream.fileno(), used, os.SEEK_SET)
                done = subprocess.run([GUEST, "--mem", memory, "cat"],
                                      stdin=stream, timeout=30,
                                      env=self.environment(),
                                      capture_output=True, check=False)
                self.assertEqual(done.stdout, lines[used:])
                self.assertEqual(os.lseek(stream.fileno(), 0, os.SEEK_CUR),
                                 len(lines))

    def test_stderr_is_apart(self):
        self.assertEqual(self.guest("exit", "0"), (0, b"", b"to stderr\n"))

    def test_firmware_on_the_port_of_stdout(self):
        self.assertEqual(self.guest("noisy")[1], b"output\n")

    def test_reader_goes_away(self):
        with subprocess.Popen([GUEST, "flood"], env=self.environment(),
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as running:
            running.stdout.read(10)
            running.stdout.close()
            self.assertEqual(running.wait(timeout=30), 128 + signal.SIGPIPE)


class Statuses(GuestCase):
    def test_exit_status(self):
        for status in (0, 1, 42, 127, 255):
            with self.subTest(status=status):
                self.assertEqual(self.guest("exit", str(status))[0], status)

    def test_signal(self):
        self.assertEqual(self.guest("signal", "11")[0], 139)

    def test_panic(self):
        status, out, err = self.guest("panic")
        self.assertEqual((status, out), (134, b""))
        self.assertIn(b"panic: stub", err)

    def test_triple_fault(self):
        status, _, err = self.guest("triple")
        self.assertEqual(status, 134)
        self.assertIn(b"triple fault", err)
        self.assertRegex(err, rb"CPU 0 at 0xffffffff80100010")
        self.assertIn(b"CR2=0000000000000bad", err)

    def test_unexpected_reset(self):
        status, _, err = self.guest("reset")
        self.assertEqual(status, 125)
        self.assertIn(b"reset the machine", err)

    def test_end_without_status(self):
        status, _, err = self.guest("mute")
        self.assertEqual(status, 125)
        self.assertIn(b"Cutaway stub", err)

    def test_qemu_refuses(self):
        status, _, err = self.guest("refuse")
        self.assertEqual(status, 125)
        self.assertIn(b"no such option", err)

    def test_time_out(self):
        status, out, err = self.guest("--timeout", "1", "hang")
        self.assertEqual((status, out), (124, b"before\n"))
        self.assertIn(b"no end after 1 seconds", err)
        self.assertIn(b"CPU 0 at", err)

    def test_time_out_of_a_dead_machine(self):
        start = time.monotonic()
        self.assertEqual(self.guest("--timeout=0.5", "dead")[0], 124)
        self.assertLess(time.monotonic() - start, 20)

    def test_interrupt_ends_qemu(self):
        for signum in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signum=signum):
                running = subprocess.Popen(
                    [GUEST, "dead"], env=self.environment(),
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                self.assertEqual(running.stdout.readline(), b"before\n")
                running.send_signal(signum)
                self.assertEqual(running.wait(timeout=30), 128 + signum)
                self.assertEqual(running.stdout.read(), b"")
                running.stdout.close()

    def test_nothing_is_left_behind(self):
        for words in (("exit", "0"), ("panic",), ("--timeout=0.5", "dead")):
            self.guest(*words)
        left = [name for name in os.listdir(self.folder.name)
                if name.startswith("cutaway-")]
        self.assertEqual(left, [])


class Options(GuestCase):
    def test_bad_calls_cannot_start(self):
        for words in ((), ("--",), ("--bogus", "exit", "0"), ("--smp",),
                      ("--smp", "0", "exit", "0"), ("--mem=x", "exit", "0"),
                      ("--smp", "17", "exit", "0"),
                      ("--kernel", "/nonexistent", "exit", "0"),
                      ("--log", "/nonexistent/log", "exit", "0"),
                      ("--root", "/nonexistent", "exit", "0"),
                      ("--add", "nocolon", "exit", "0"),
                      ("--add", "/nonexistent:/x", "exit", "0"),
                      ("--add", "/etc/passwd:relative", "exit", "0"),
                      ("--env", "noequals", "exit", "0"),
                      ("--iso=1", "exit", "0")):
            with self.subTest(words=words):
                status, out, err = self.guest(*words)
                self.assertEqual((status, out), (125, b""))
                self.assertTrue(err.startswith(b"guest: "), err)
                self.assertNotIn(b"Errno", err)

    def test_options_of_later_drivers_are_refused(self):
        for words in (("--net", "user"), ("--hostfwd", "tcp:1:1")):
            with self.subTest(words=words):
                status, _, err = self.guest(*words, "exit", "0")
                self.assertEqual(status, 125)
                self.assertIn(b"this kernel has no", err)
        self.assertEqual(self.guest("--net", "none", "exit", "0")[0], 0)

    def test_disks(self):
        raw = self.path("raw,1.img", bytes(4096))
        qcow2 = self.path("q.img", b"QFI\xfb" + bytes(4092))
        status, out, _ = self.guest("--disk", raw, "--disk", qcow2,
                                    "--", "show")
        self.assertEqual(status, 0)
        self.assertIn(b"id=disk0,format=raw,cache=unsafe,snapshot=on", out)
        self.assertIn(b"raw,,1.img", out)
        self.assertIn(b"id=disk1,format=qcow2,", out)
        out = self.guest("--keep", "--disk", raw, "--", "show")[1]
        self.assertNotIn(b"snapshot=on,discard", out)
        for words in (("--disk", "/nonexistent"), ("--disk", raw) * 7):
            with self.subTest(words=words):
                status, _, err = self.guest(*words, "exit", "0")
                self.assertEqual(status, 125)
                self.assertTrue(err.startswith(b"guest: "), err)

    def test_root(self):
        """The runner comes along, and the image is the first disk."""
        contents = bytes(1080) + b"\x53\xef" + bytes(3000)
        image = self.path("root.img", contents)
        other = self.path("other.img", bytes(4096))
        status, out, err = self.guest(
            "--root", image, "--disk", other, "--append", "ro quiet",
            "--add", image + ":/etc/image", "show", "run/guest/root",
            "sbin/init", "bin", "run/guest/add/etc/image")
        self.assertEqual((status, err), (0, b""))
        self.assertIn(b"/dev/sda\0ro\0\nthe runner\n(none)\n" + contents,
                      out)
        self.assertLess(out.index(b"root.img"), out.index(b"other.img"))
        self.assertNotIn(b"root=", out)

    def test_what_is_no_kernel_and_no_root(self):
        other = self.path("other", bytes(4096))
        for option, word in (("--root", b"ext2"), ("--kernel", b"kernel")):
            status, _, err = self.guest(option, other, "--", "prog")
            self.assertEqual(status, 125)
            self.assertIn(b"other is not ", err)
            self.assertIn(word, err)

    def test_cpus_are_those_of_the_kernel(self):
        with open(os.path.join(ROOT, "kernel/x86/percpu.h"),
                  encoding="ascii") as header:
            self.assertIn(f"#define MAX_CPUS\t{machine.MAX_CPUS}\n",
                          header.read())

    def test_help(self):
        status, out, _ = self.guest("--help")
        self.assertEqual(status, 0)
        self.assertIn(b"--add HOST:GUEST", out)

    def test_arguments_arrive(self):
        status, out, _ = self.guest("--", "show", "run/guest/argv", "--smp",
                                    "a b", "")
        self.assertEqual(status, 0)
        self.assertIn(b"show\0run/guest/argv\0--smp\0a b\0\0\n", out)

    def test_environment_and_folder(self):
        _, out, _ = self.guest("--env", "A=b c", "--env", "HOME=/tmp",
                               "--cwd", "/tmp", "show", "run/guest/env",
                               "run/guest/cwd")
        self.assertRegex(out, rb"\bA=b c\0")
        self.assertRegex(out, rb"\bHOME=/tmp\0")
        self.assertNotIn(b"HOME=/root", out)
        self.assertIn(b"\n/tmp\n", out)

    def test_machine(self):
        _, out, _ = self.guest("--smp", "3", "--mem=77", "--append", "one",
                               "--append", "two=2", "--qemu",
                               "-device 'x y'", "show")
        for words in (rb"-smp 3 ", rb"-m 77 ", rb"-append loglevel=7 one two=2 ",
                      rb"-device x y\n"):
            self.assertRegex(out, words)

    def test_defaults(self):
        _, out, _ = self.guest("show")
        for words in (rb"-smp 1 ", rb"-m 128 ", rb"-accel tcg "):
            self.assertRegex(out, words)

    def test_log(self):
        name = self.path("log")
        self.guest("--log", name, "exit", "0")
        with open(name, "rb") as stream:
            self.assertEqual(stream.read(), b"Cutaway stub\n")

    def test_added_file(self):
        name = self.path("tool", b"#!/bin/sh\n", 0o755)
        for guest in ("/bin/tool", "/bin/"):
            with self.subTest(guest=guest):
                _, out, _ = self.guest("--add", f"{name}:{guest}", "show",
                                       "bin/tool")
                self.assertTrue(out.startswith(b"#!/bin/sh\n\n"), out)

    def test_added_folder(self):
        folder = self.path("tree")
        os.makedirs(os.path.join(folder, "sub"))
        self.path("tree/sub/file", b"deep")
        os.symlink("sub/file", os.path.join(folder, "link"))
        _, out, _ = self.guest("--add", f"{folder}:/opt/t", "show",
                               "opt/t/sub/file", "opt/t/link", "tmp")
        self.assertTrue(out.startswith(b"deep\nsub/file\n"), out)


    def test_added_program(self):
        source = self.path("dynamic.c", b"int main(void) { return 0; }\n")
        name = self.path("dynamic")
        link = self.path("link to it")
        subprocess.run(["gcc", "-o", name, source], check=True)
        os.symlink("dynamic", link)
        loader = re.search(rb"/\S*/ld-linux\S*\.so\.\d+\0",
                           open(name, "rb").read())[0][1:-1].decode()
        _, out, _ = self.guest("--add-program", link, "show", link[1:],
                               name[1:], loader)
        self.assertTrue(out.startswith(b"dynamic\n\x7fELF"), out[:100])
        self.assertGreater(out.count(b"\x7fELF"), 1)
        for wrong in (source, self.path("nowhere")):
            with self.subTest(wrong=wrong):
                status, _, err = self.guest("--add-program", wrong, "show")
                self.assertEqual(status, 125)
                self.assertIn(b"guest: ", err)


class Archive(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cutaway-test-")
        self.addCleanup(self.folder.cleanup)

    def written(self, archive, name="a.cpio"):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as out:
            archive.write(out)
        with open(path, "rb") as stream:
            return path, stream.read()

    def test_data_is_page_aligned(self):
        archive = cpio.Archive()
        marks = {}
        for size in (1, 4095, 4096, 4097, 10000):
            marks[size] = b"%06d" % size + b"x" * size
            archive.add_bytes(f"/dir/file{size}", marks[size])
        path, data = self.written(archive)
        self.assertEqual(len(data) % cpio.PAGE, 0)
        for mark in marks.values():
            self.assertEqual(data.index(mark) % cpio.PAGE, 0)
        self.assertEqual(cpio.paths(path)[0], "dir")
        self.assertEqual(len(cpio.paths(path)), 6)

    def test_same_input_same_bytes(self):
        def make(order):
            archive = cpio.Archive()
            for name in order:
                archive.add_bytes(name, name.encode())
            return self.written(archive)[1]
        self.assertEqual(make(["/b", "/a/x"]), make(["/a/x", "/b"]))

    def test_later_entry_wins(self):
        archive = cpio.Archive()
        archive.add_link("/bin/sh", "busybox")
        archive.add_bytes("bin//./sh", b"ours", 0o755)
        path, data = self.written(archive)
        self.assertEqual(cpio.paths(path), ["bin", "bin/sh"])
        self.assertNotIn(b"busybox", data)

    def test_folder_before_contents(self):
        archive = cpio.Archive()
        for name in ("/a-b", "/a/b", "/a.c", "/a/b.d/e"):
            archive.add_bytes(name, b"x")
        found = cpio.paths(self.written(archive)[0])
        for name in found:
            parent = os.path.dirname(name)
            if parent:
                self.assertLess(found.index(parent), found.index(name))

    def test_overlay_leaves_folders_of_the_base_alone(self):
        archive = cpio.Archive(below=["tmp"])
        archive.add_bytes("/tmp/new/file", b"x")
        found = cpio.paths(self.written(archive)[0])
        self.assertEqual(found, ["tmp/new", "tmp/new/file"])

    def test_other_readers_accept_it(self):
        archive = cpio.Archive()
        archive.add_dir("/tmp", 0o1777)
        archive.add_bytes("/tmp/file", b"data\n", 0o640)
        archive.add_link("/link", "tmp/file")
        path, _ = self.written(archive)
        with open(path, "rb") as stream:
            done = subprocess.run(["busybox", "cpio", "-t", "-v"], check=False,
                                  stdin=stream, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(re.search(rb"-rw-r-----.* tmp/file", done.stdout))
        self.assertIn(b"link -> tmp/file", done.stdout)


if __name__ == "__main__":
    unittest.main()
