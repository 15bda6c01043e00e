# SPDX-License-Identifier: MIT
"""A dynamically linked program of this machine with all that it needs.

add(archive, name) puts into a cpio.Archive, each under the path that it has
here: the program, the links that lead to it, the loader that it names, its
shared libraries; and for a Python interpreter the standard library.

The libraries are those that this machine's own loader finds (ldd), so program
and machine must be of one kind.
"""

import glob
import os
import re
import shutil
import subprocess

# "libc.so.6 => /lib/... (0x...)" and "/lib64/ld-linux-x86-64.so.2 (0x...)"
FOUND = re.compile(r"^\t(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.M)
MISSING = re.compile(r"^\t(\S+) => not found$", re.M)
PYTHON = re.compile(r"python3?(\.\d+)?$")
# Parts of Python's library that need a display, a compiler or the network.
LEFT_OUT = ("config-*", "test", "tests", "idlelib", "tkinter", "turtledemo",
            "lib2to3", "ensurepip", "pydoc_data", "dist-packages",
            "site-packages")


def path(name):
    """Where a program is, on this machine and then in the guest."""
    return os.path.abspath(shutil.which(name) or name)


def add(archive, name):
    where = path(name)
    _add_links(archive, where)
    done = set()
    _add_libraries(archive, where, done)
    if PYTHON.match(os.path.basename(os.path.realpath(where))):
        _add_python(archive, where, done)


def _add_links(archive, path):
    """The file, and the symbolic links in front of it."""
    while os.path.islink(path):
        archive.add_host(path, path)
        path = os.path.normpath(os.path.join(os.path.dirname(path),
                                             os.readlink(path)))
    archive.add_host(path, os.path.realpath(path), exact=True)


def _add_libraries(archive, path, done):
    for library in libraries(path):
        if library not in done:
            done.add(library)
            archive.add_host(library, os.path.realpath(library), exact=True)


def libraries(path):
    """The loader and the libraries of an ELF file; none for a static one."""
    with open(path, "rb") as stream:
        if stream.read(4) != b"\x7fELF":
            raise ValueError(f"{path}: not a program in machine code")
    result = subprocess.run(["ldd", path], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, check=False,
                            env={**os.environ, "LC_ALL": "C"})
    text = result.stdout.decode("utf-8", "replace")
    lost = MISSING.findall(text)
    if lost:
        raise ValueError(f"{path}: this machine lacks {' '.join(lost)}")
    return FOUND.findall(text)


def _add_python(archive, path, done):
    """The interpreter itself knows where its library is."""
    folder = subprocess.run(
        [path, "-I", "-c", "import sysconfig\n"
         "print(sysconfig.get_path('stdlib'))"],
        stdout=subprocess.PIPE, check=True).stdout.decode().strip()
    archive.add_host(folder, folder, exact=True, leave_out=LEFT_OUT)
    for extension in glob.glob(os.path.join(folder, "lib-dynload", "*.so")):
        _add_libraries(archive, extension, done)
