# SPDX-License-Identifier: MIT
"""Linux to compare with: Debian's kernels.

A package is downloaded and unpacked below the build folder, not installed.
Linux boots with our boot archive and our init, which needs nothing that Linux
has not, so both kernels run the same files. scripts/guest does it all once it
is given a kernel from here and APPEND.

There are two: the one for virtual machines is the leaner, but has no driver for
AHCI; disks are measured with the general one, and modules are its drivers.
"""

import glob
import os
import re
import shutil
import subprocess

LEAN, GENERAL = "linux-image-cloud-amd64", "linux-image-amd64"
APPEND = "console=ttyS0 rdinit=/sbin/init quiet panic=-1"
DISK_MODULES = ("crc32c_generic", "ahci", "sd_mod", "ext4")


class NoLinux(Exception):
    """There is no Linux kernel to compare with; the text says why."""


def _output(*command, cwd=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, cwd=cwd)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        # apt says a lot before it says why.
        why = re.findall(r"^E: (.*)", text, re.M) or text.split("\n")[-2:]
        raise NoLinux(f"{' '.join(command)}: {why[0].strip()}")
    return text


def _package_name(meta):
    """The package that the meta package stands for at present."""
    text = _output("apt-cache", "depends", meta)
    found = re.search(r"Depends: (linux-image-\S+)", text)
    if not found:
        raise NoLinux(f"apt-cache knows no kernel behind {meta}; "
                      "apt-get update may help")
    return found.group(1)


def _unpack(meta, folder):
    """Returns the folder with the package's files; downloads it if need be."""
    unpacked = os.path.join(folder, "unpacked")
    if os.path.isdir(unpacked):
        return unpacked
    os.makedirs(folder, exist_ok=True)
    for tool in ("apt-get", "apt-cache", "dpkg"):
        if not shutil.which(tool) and not _packages(folder):
            raise NoLinux(f"no {tool} here to fetch Linux with; a Debian package "
                          f"linux-image-*.deb in {folder} would do")
    if not _packages(folder):
        _output("apt-get", "download", _package_name(meta), cwd=folder)
    package = max(_packages(folder))
    _output("dpkg", "-x", package, unpacked + ".new")
    os.unlink(package)
    os.rename(unpacked + ".new", unpacked)
    return unpacked


def _packages(folder):
    return glob.glob(os.path.join(folder, "linux-image-*.deb"))


def _images(folder):
    """The kernels there; machine.ensure_built() leaves files beside them."""
    return [name for name in glob.glob(os.path.join(folder, "vmlinuz-*"))
            if not name.endswith(".fresh")]


def kernel(folder):
    """The path of the lean vmlinuz below folder, which may be there already."""
    there = _images(folder)
    if there:
        return max(there)
    unpacked = _unpack(LEAN, folder)
    (image,) = _images(os.path.join(unpacked, "boot"))
    shutil.move(image, folder)
    shutil.rmtree(unpacked)
    return os.path.join(folder, os.path.basename(image))


def disk_kernel(folder):
    """(vmlinuz, [modules in the order in which to load them]) for disks."""
    unpacked = _unpack(GENERAL, folder)
    (image,) = _images(os.path.join(unpacked, "boot"))
    files = {}
    for name in glob.glob(os.path.join(unpacked, "lib/modules/**/*.ko"),
                          recursive=True):
        files[os.path.basename(name)[:-3].replace("-", "_")] = name
    order = []
    for name in DISK_MODULES:
        _add_module(name, files, order)
    return image, order


def _add_module(name, files, order):
    """Appends a module behind those that it depends on."""
    path = files.get(name)
    if path is None or path in order:
        return              # built in, or there already
    with open(path, "rb") as module:
        found = re.search(rb"\0depends=([\w,-]*)\0", module.read())
    for other in found[1].decode().split(",") if found else ():
        _add_module(other.replace("-", "_"), files, order)
    order.append(path)
