# SPDX-License-Identifier: MIT
"""The boot archive of one run of scripts/guest: which program init's runner is
to start, how, and what is added for it. The guest's side is user/init.

    /run/guest/argv, env     strings, each ended by NUL
    /run/guest/cwd           the working directory
    /run/guest/stdin         the input, where it is a file
    /run/guest/root          device and "ro" or "rw": the program's root
    /run/guest/add/          what is to be copied into that root
"""

import os

import cpio
import program

ENVIRONMENT = {"PATH": "/bin:/sbin:/usr/bin", "HOME": "/root",
               "SHELL": "/bin/sh", "USER": "root", "LOGNAME": "root"}
ROOT_DISK = "/dev/sda"


class BadCall(Exception):
    """The text says which option is wrong."""


class _Below:
    """An archive whose paths all lie in a folder of another one."""

    def __init__(self, archive, folder):
        self._archive, self._folder = archive, folder

    def add_host(self, path, *args, **words):
        self._archive.add_host(self._folder + path, *args, **words)

    def add_link(self, path, target):
        self._archive.add_link(self._folder + path, target)


def write(options, argv, base, name, stdin):
    """Writes the archive to the file called name. base: the archive that it is
    laid over, or None: the root is an image, and init's runner comes along."""
    archive = cpio.Archive(cpio.paths(base) if base else ())
    into = archive
    if not base:
        runner = options["runner"]
        archive.add_host("/sbin/init", runner)
        mode = "ro" if "ro" in " ".join(options["--append"]).split() else "rw"
        archive.add_bytes("/run/guest/root", _joined([ROOT_DISK, mode]))
        into = _Below(archive, "/run/guest/add")
    for item in options["--add"]:
        _add(into, item)
    for host in options["--add-program"]:
        program.add(into, host)
    archive.add_bytes("/run/guest/argv", _joined(argv))
    archive.add_bytes("/run/guest/env", _joined(
        f"{key}={value}" for key, value in _environment(options).items()))
    archive.add_bytes("/run/guest/cwd", os.fsencode(options.get("--cwd", "/")))
    if stdin is not None:
        archive.add_bytes("/run/guest/stdin", stdin)
    with open(name, "wb") as out:
        archive.write(out)


def _add(archive, item):
    host, colon, guest = item.rpartition(":")
    if not colon or not host or not guest.startswith("/"):
        raise BadCall(f"--add {item}: expected HOST:/GUEST")
    if guest.endswith("/") and not os.path.isdir(host):
        guest += os.path.basename(host)
    archive.add_host(guest, os.path.realpath(host), exact=True)


def _environment(options):
    environment = dict(ENVIRONMENT)
    for host in options["--add-program"]:
        folder = os.path.dirname(program.path(host))
        if folder not in environment["PATH"].split(":"):
            environment["PATH"] += ":" + folder
    for item in options["--env"]:
        key, equals, value = item.partition("=")
        if not equals:
            raise BadCall(f"--env {item}: expected NAME=VALUE")
        environment[key] = value
    return environment


def _joined(words):
    return b"".join(os.fsencode(word) + b"\0" for word in words)
