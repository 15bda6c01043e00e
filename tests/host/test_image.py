# SPDX-License-Identifier: MIT
"""scripts/image and the root disk of `make run`: what e2fsck and debugfs think
of it, and what becomes of a user's files when the programs change."""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
IMAGE = os.path.join(ROOT, "scripts", "image")
sys.path.insert(0, os.path.join(ROOT, "scripts", "lib"))
sys.dont_write_bytecode = True
import cpio  # noqa: E402
import diskimage  # noqa: E402


class ImageCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cutaway-test-")
        self.addCleanup(self.folder.cleanup)
        self.image = self.path("root.img")
        self.archive = self.path("initrd.cpio")
        self.write_archive({"/bin/a": b"a1", "/bin/b": b"b1",
                            "/etc/conf": b"c1"})
        diskimage.create(self.image, self.archive, 16 << 20)

    def path(self, name, data=None):
        path = os.path.join(self.folder.name, name)
        if data is not None:
            with open(path, "wb") as out:
                out.write(data)
        return path

    def write_archive(self, files):
        archive = cpio.Archive()
        for name, data in files.items():
            archive.add_bytes(name, data, 0o755)
        archive.add_link("/bin/link", "a")
        with open(self.archive, "wb") as out:
            archive.write(out)

    def command(self, *words, status=0):
        done = subprocess.run([IMAGE, self.image, *words], check=False,
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        if status:
            self.assertTrue(done.stderr.startswith(b"image: ") or status == 2)
        return done.stdout.decode()

    def contents(self, name):
        return diskimage.read(self.image, [name]).get(name)

    def check(self):
        diskimage.tool("e2fsck", "-fn", self.image)


class Create(ImageCase):
    def test_is_a_clean_file_system_of_roots(self):
        self.check()
        self.assertEqual(self.contents("/bin/a"), b"a1")
        for line in self.command("ls", "/bin").splitlines():
            self.assertEqual(line.split()[1:3], ["0", "0"], line)
        self.assertIn("lrwxrwxrwx", self.command("ls", "/bin"))


class PutGet(ImageCase):
    def test_file_and_folder(self):
        data = os.urandom(300000)
        self.command("put", self.path("x y", data), "/home/new/")
        self.assertEqual(self.contents("/home/new/x y"), data)
        os.makedirs(self.path("tree/sub"))
        self.path("tree/sub/f", b"1")
        os.symlink("sub/f", self.path("tree/l"))
        self.command("put", self.path("tree"), "/home/new")
        self.command("put", self.path("tree"), "/home/new")
        self.assertEqual(self.contents("/home/new/tree/sub/f"), b"1")
        self.command("get", "/home/new/x y", self.path("back"))
        with open(self.path("back"), "rb") as stream:
            self.assertEqual(stream.read(), data)
        self.check()

    def test_replaces_and_removes(self):
        self.command("put", self.path("f", b"new"), "/etc/conf")
        self.assertEqual(self.contents("/etc/conf"), b"new")
        self.command("rm", "/etc/conf")
        self.assertNotIn("conf", self.command("ls", "/etc"))
        self.check()

    def test_refusals(self):
        for words in (("get", "/nope", "x"), ("rm", "/nope"), ("ls", "/nope"),
                      ("put", "/nonexistent", "/x"),
                      ("put", self.path("f", b""), "/bin/a/b")):
            with self.subTest(words=words):
                self.command(*words, status=1)
        self.command("put", status=2)
        self.command("what", status=2)
        self.check()

    def test_not_while_a_guest_runs(self):
        with diskimage.lock(self.image):
            self.command("ls", status=1)


class Update(ImageCase):
    def test_programs_are_replaced_and_the_users_work_stays(self):
        self.command("put", self.path("f", b"mine"), "/etc/conf")
        self.command("put", self.path("f", b"mine"), "/root/")
        self.write_archive({"/bin/a": b"a2", "/bin/c": b"c1",
                            "/etc/conf": b"c2"})
        replaced, kept = diskimage.update(self.image, self.archive)
        self.assertEqual((sorted(replaced), kept),
                         (["bin/a", "bin/c"], ["etc/conf"]))
        self.assertEqual(self.contents("/bin/a"), b"a2")
        self.assertEqual(self.contents("/bin/c"), b"c1")
        self.assertEqual(self.contents("/etc/conf"), b"mine")
        self.assertEqual(self.contents("/root/f"), b"mine")
        self.assertIsNone(self.contents("/bin/b"))
        self.assertEqual(diskimage.update(self.image, self.archive), ([], []))
        self.check()


if __name__ == "__main__":
    unittest.main()
