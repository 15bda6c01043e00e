# SPDX-License-Identifier: MIT
"""Linux to compare with: Debian's kernel for virtual machines.

The package is downloaded and unpacked below the build folder, not installed.
Linux boots with our boot archive and our init, which needs nothing that Linux
has not, so both kernels run the same files. scripts/guest does it all once it
is given this kernel and APPEND.
"""

import glob
import os
import re
import shutil
import subprocess

META_PACKAGE = "linux-image-cloud-amd64"
APPEND = "console=ttyS0 rdinit=/sbin/init quiet panic=-1"


class NoLinux(Exception):
    """There is no Linux kernel to compare with; the text says why."""


def _output(*command, cwd=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, cwd=cwd)
    text = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        raise NoLinux(f"{' '.join(command)} failed:\n{text}")
    return text


def _package_name():
    """The package that the meta package stands for at present."""
    text = _output("apt-cache", "depends", META_PACKAGE)
    found = re.search(r"Depends: (linux-image-\S+)", text)
    if not found:
        raise NoLinux(f"apt-cache knows no kernel behind {META_PACKAGE}; "
                      "apt-get update may help")
    return found.group(1)


def kernel(folder):
    """The path of vmlinuz below folder; downloads it when it is not there."""
    there = glob.glob(os.path.join(folder, "vmlinuz-*"))
    if there:
        return max(there)
    if not shutil.which("apt-get"):
        raise NoLinux("no apt-get here; put a vmlinuz-VERSION into " + folder)
    os.makedirs(folder, exist_ok=True)
    _output("apt-get", "download", _package_name(), cwd=folder)
    (package,) = glob.glob(os.path.join(folder, "linux-image-*.deb"))
    unpacked = os.path.join(folder, "unpacked")
    _output("dpkg", "-x", package, unpacked)
    (image,) = glob.glob(os.path.join(unpacked, "boot", "vmlinuz-*"))
    shutil.move(image, folder)
    shutil.rmtree(unpacked)
    return os.path.join(folder, os.path.basename(image))
