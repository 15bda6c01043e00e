# SPDX-License-Identifier: MIT
"""Images of ext3 file systems, made and changed on the host without root: by
mke2fs, e2fsck and debugfs (e2fsprogs).

create() makes the root disk of `make run` from the boot archive. What came from
the archive is noted beside the image (IMAGE.origin), so that update() can tell
it from what the user did: a file that the archive has changed since is
replaced, unless it has been changed in the guest as well.

Whoever writes an image holds its lock (lock()), a running guest too.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile

import cpio

SIZE = 256 << 20
KIND = re.compile(r"Type: (\w+)")


class ImageError(Exception):
    """The text says what cannot be done, and why."""


def lock(image):
    """Returns an open file; the lock ends when it is closed."""
    stream = open(image, "r+b")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        raise ImageError(f"{image} is in use by a running guest") from None
    return stream


def tool(name, *args, data=None, good=(0,)):
    """Runs a program of e2fsprogs; returns its output."""
    path = shutil.which(name, path=os.environ.get("PATH", "") +
                        ":/usr/sbin:/sbin")
    if not path:
        raise ImageError(f"{name} is missing; scripts/setup installs it")
    done = subprocess.run([path, *args], input=data, capture_output=True,
                          check=False)
    if done.returncode not in good:
        raise ImageError(f"{name}: " + (done.stderr or done.stdout).decode(
            "utf-8", "replace").strip())
    return done


def check_ext2(image):
    """Raises ValueError when the whole image is not an ext2 or ext3."""
    with open(image, "rb") as stream:
        stream.seek(1024 + 56)      # s_magic
        if stream.read(2) != b"\x53\xef":
            raise ValueError(f"{image} is not an image of ext2 or ext3")


def recover(image):
    """Replays the journal of a guest that did not end in order, and mends."""
    tool("e2fsck", "-p", image, good=(0, 1))


def quoted(path):
    if '"' in path or "\n" in path:
        raise ImageError(f"{path!r}: debugfs cannot take this name")
    return f'"{path}"'


def debugfs(image, commands, write=True):
    """Runs debugfs commands; raises when one complains."""
    text = "".join(f"{line}\n" for line in commands).encode()
    done = tool("debugfs", *(["-w"] if write else []), "-f", "-", image,
                data=text)
    # The commands are echoed to stdout; complaints go to stderr.
    complaints = [line for line in done.stderr.decode("utf-8", "replace")
                  .splitlines() if line and not line.startswith("debugfs 1.")]
    if complaints:
        raise ImageError(complaints[0])
    return done.stdout


def owner_commands(path, mode):
    """Root owns it; a file that debugfs has written gets its rights."""
    name = quoted(path)
    return [f"sif {name} uid 0", f"sif {name} gid 0",
            f"sif {name} mode 0{mode:o}"]


def create(image, archive, size=SIZE):
    """A new image with the archive's contents."""
    found = list(cpio.entries(archive))
    temporary = image + ".new"
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        for path, mode, data in found:
            _unpack(os.path.join(folder, path), mode, data)
        if os.path.exists(temporary):
            os.remove(temporary)
        with open(temporary, "wb") as stream:
            stream.truncate(size)
        tool("mke2fs", "-q", "-F", "-t", "ext3", "-b", "4096", "-L", "cutaway",
             "-E", "root_owner=0:0", "-d", folder, temporary)
    commands = []
    for path, mode, _ in found:
        commands += owner_commands("/" + path, mode)
    debugfs(temporary, commands)
    _note(image, {path: _digest(mode, data) for path, mode, data in found})
    os.replace(temporary, image)


def _unpack(path, mode, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if stat.S_ISDIR(mode):
        os.makedirs(path, exist_ok=True)
    elif stat.S_ISLNK(mode):
        os.symlink(os.fsdecode(data), path)
    elif stat.S_ISREG(mode):
        with open(path, "wb") as out:
            out.write(data)
        os.chmod(path, stat.S_IMODE(mode) | 0o600)


def update(image, archive):
    """Brings the image up to the archive. Returns (replaced, kept): paths that
    are new now, and those that stay because the guest has changed them."""
    had = _noted(image)
    found = {path: (mode, data) for path, mode, data in cpio.entries(archive)}
    new = {path: _digest(*each) for path, each in found.items()}
    changed = [path for path in found if had.get(path) != new[path]]
    gone = [path for path in had if path not in found]
    kept = []
    if changed or gone:
        with lock(image):
            recover(image)
            kept = _touched(image, {path: had.get(path)
                                    for path in changed + gone})
            with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
                _replace(image, folder, [(path, *found[path])
                                         for path in changed
                                         if path not in kept],
                         [path for path in gone if path not in kept])
    _note(image, new)
    return ([path for path in changed if path not in kept], kept)


def _replace(image, folder, files, gone):
    present = kinds(image, [path for path, _, _ in files] + gone)
    commands = [f"rm {quoted('/' + path)}" for path in gone if path in present]
    for number, (path, mode, data) in enumerate(files):
        guest = "/" + path
        if stat.S_ISDIR(mode):
            if path not in present:
                commands.append(f"mkdir {quoted(guest)}")
        else:
            if path in present:
                commands.append(f"rm {quoted(guest)}")
            commands += _write_commands(folder, number, guest, mode, data)
        commands += owner_commands(guest, mode)
    debugfs(image, commands)


def _write_commands(folder, number, guest, mode, data):
    if stat.S_ISLNK(mode):
        return [f"symlink {quoted(guest)} {quoted(os.fsdecode(data))}"]
    host = os.path.join(folder, str(number))
    with open(host, "wb") as out:
        out.write(data)
    return [f"write {host} {quoted(guest)}"]


def kinds(image, paths):
    """{path: "regular", "directory", "symlink" ...} of those that are there."""
    if not paths:
        return {}
    done = tool("debugfs", "-f", "-", image, data="".join(
        f"stat {quoted('/' + path.lstrip('/'))}\n" for path in paths).encode())
    # Each command is echoed before its answer.
    answers = done.stdout.decode("utf-8", "replace").split("debugfs: stat ")[1:]
    found = {}
    for path, answer in zip(paths, answers):
        match = KIND.search(answer)
        if match:
            found[path] = match.group(1)
    return found


def read(image, paths):
    """{path: contents} of the regular files among paths."""
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        hosts = [os.path.join(folder, str(n)) for n in range(len(paths))]
        tool("debugfs", "-f", "-", image, data="".join(
            f"dump {quoted('/' + path.lstrip('/'))} {host}\n"
            for path, host in zip(paths, hosts)).encode())
        found = {}
        for path, host in zip(paths, hosts):
            if os.path.exists(host):
                with open(host, "rb") as stream:
                    found[path] = stream.read()
        return found


def _touched(image, digests):
    """Which of {path: digest of the archive, or None} the guest has changed,
    removed or made. Rights, links and folders do not count."""
    present = kinds(image, list(digests))
    files = [path for path, kind in present.items() if kind == "regular"]
    contents = read(image, files)
    touched = []
    for path, digest in digests.items():
        if (path in present) != (digest is not None):
            touched.append(path)
        elif path in contents and not digest.endswith(
                hashlib.sha256(contents[path]).hexdigest()):
            touched.append(path)
    return touched


def _digest(mode, data):
    contents = hashlib.sha256(data).hexdigest() if stat.S_ISREG(mode) else ""
    if stat.S_ISLNK(mode):
        return f"{mode:o} -> {os.fsdecode(data)}"
    return f"{mode:o} {contents}"


def _note(image, digests):
    with open(image + ".origin", "w", encoding="utf-8") as out:
        json.dump(digests, out, indent=0, sort_keys=True)


def _noted(image):
    try:
        with open(image + ".origin", encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return {}


def refresh(image, archive, say):
    """Makes the image, or brings it up to the archive if that is newer."""
    origin = image + ".origin"
    if not os.path.exists(image):
        create(image, archive)
        return
    if os.path.exists(origin) and \
            os.stat(origin).st_mtime >= os.stat(archive).st_mtime:
        return
    replaced, kept = update(image, archive)
    if replaced:
        say(f"{image}: {len(replaced)} files brought up to date")
    for path in kept:
        say(f"{image}: /{path} has been changed in the guest, so it stays")
