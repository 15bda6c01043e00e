# SPDX-License-Identifier: MIT
"""The virtual machine: QEMU's command line, and one running QEMU.

scripts/run and scripts/guest describe a Machine and start it; the result is a
Running, which owns the process and this end of its ports.

How a run ends. QEMU is told to pause where it would power off or reset, and it
says so on its monitor (QMP). A power-off is then confirmed with `quit`. A
reset that nobody asked for is how a PC shows a triple fault: the registers are
still there, so they are fetched before `quit` and name the place. A kernel
panic ends QEMU at once with PANIC_STATUS (isa-debug-exit).
"""

import fcntl
import functools
import os
import re
import shlex
import shutil
import socket
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
PANIC_STATUS = 133
SATA_PORTS = range(6)
CDROM_PORT = 2          # where QEMU's -cdrom goes

# What a kernel and what the programs are made of, to see whether make is due.
KERNEL_SOURCES = ("boot", "kernel", "mm", "fs", "ipc", "net", "drivers",
                  "include")
PROGRAM_SOURCES = ("user", "tests/guest")
SOURCES = (".c", ".h", ".S")
MAX_CPUS = 16           # kernel/x86/percpu.h

OVMF = (("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd",
                                                 "OVMF_VARS.fd"))


class CannotStart(Exception):
    """The guest cannot be started; the text says why."""


def build_dir():
    return os.path.join(ROOT, os.environ.get("O", "build"))


def ensure_built(*files):
    """Calls make for those of the files that are missing, or older than what
    they are made of. A file outside of the build folder must just be there."""
    ours, build = [], os.path.join(build_dir(), "")
    for name in files:
        if not os.path.abspath(name).startswith(os.path.abspath(build)):
            if not os.path.exists(name):
                raise CannotStart(f"{name}: No such file")
        elif not _is_fresh(name):
            ours.append(name)
    if not ours:
        return
    with open(os.path.join(ROOT, "Makefile"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # one make at a time
        _make([name for name in ours if not _is_fresh(name)])


def _make(names):
    targets = [os.path.relpath(name, ROOT) for name in names]
    done = subprocess.run(["make", "-s", "-C", ROOT, *targets], stdout=2,
                          check=False) if targets else None
    lost = [name for name in names if not os.path.exists(name)]
    if lost or (done and done.returncode):
        raise CannotStart("cannot build " + " ".join(lost or targets))
    for name in names:
        with open(name + ".fresh", "w", encoding="ascii"):
            pass            # make has looked at it: its time is what counts


def _is_fresh(name):
    """Is nothing newer than the file, or than make's last look at it?"""
    times = [os.stat(each).st_mtime for each in (name, name + ".fresh")
             if os.path.exists(each)]
    return os.path.exists(name) and \
        max(times) >= _newest(name.endswith(".elf"))


@functools.lru_cache
def _newest(kernel):
    """When a source of the kernel, or of the programs, was last changed."""
    newest, folders = 0, [os.path.join(ROOT, folder) for folder in (
        KERNEL_SOURCES if kernel else PROGRAM_SOURCES)]
    folders = list(filter(os.path.isdir, folders))
    while folders:
        for entry in os.scandir(folders.pop()):
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.name.endswith(SOURCES) or not kernel:
                newest = max(newest, entry.stat().st_mtime)
    return newest


def os_error_text(error):
    """An OSError as people say it."""
    if error.filename and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


def disk_args(files, keep, ports, replay):
    """QEMU's arguments for SATA disks on these ports. Writes go to a throw-away
    overlay, or with keep to the files; replay: the moments at which the disks
    answer are recorded. Raises CannotStart."""
    args = []
    if len(files) > len(ports):
        raise CannotStart(f"this machine has room for {len(ports)} disks")
    for number, name in zip(ports, files):
        try:
            with open(name, "r+b" if keep else "rb") as image:
                kind = "qcow2" if image.read(4) == b"QFI\xfb" else "raw"
        except OSError as error:
            raise CannotStart(f"disk {name}: {error.strerror}") from error
        where = name.replace(",", ",,")
        # Without a power cut to fear, a flush need not reach the host's disk.
        mode = "cache=writeback" if keep else "cache=unsafe,snapshot=on"
        file = f"file{number}" if replay else f"disk{number}"
        args += ["-drive", f"if=none,id={file},format={kind},{mode},"
                 f"discard=unmap,file={where}"]
        if replay:
            args += ["-drive", f"if=none,id=disk{number},driver=blkreplay,"
                     f"image={file}"]
        args += ["-device", f"ide-hd,drive=disk{number},bus=ide.{number},"
                 "werror=report,rerror=report"]
    return args


class GdbSocket:
    """A Unix socket on which somebody listens from the moment its name is there,
    and which QEMU inherits. So nobody can be too early for GDB's end, and a QEMU
    that ends does not take away the name that by now is the next one's."""

    def __init__(self, path):
        self.path, bound = path, f"{path}.{os.getpid()}"
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.bind(bound)
            self.socket.listen(1)
            self.file = os.stat(bound).st_ino
            os.rename(bound, path)
        except OSError as error:
            raise CannotStart(f"{path}: {error.strerror or error}") from error

    def arguments(self):
        return ["-chardev", f"socket,id=gdb,fd={self.socket.fileno()},"
                "server=on,wait=off", "-gdb", "chardev:gdb"]

    def close(self):
        self.socket.close()
        try:
            if os.stat(self.path).st_ino == self.file:
                os.unlink(self.path)
        except FileNotFoundError:
            pass


class Machine:
    """What to boot and on which hardware.

    boot is "fast" (QEMU loads the kernel itself), "bios" or "uefi" (both by
    the GRUB image called image, or else by one that is made for this run).
    """

    def __init__(self, kernel, modules, append="", boot="fast"):
        self.kernel = kernel
        self.modules = modules
        self.append = append
        self.boot = boot
        self.smp = 1
        self.mem = 128
        self.image = None
        self.gdb = None         # a GdbSocket
        self.wait = False
        self.vga = "none" if boot == "fast" else "std"
        self.disks = []
        self.keep = False       # writes reach the disks' files
        self.replay = None      # ("record" or "replay", file)
        self.extra = []

    def start(self, scratch, console=None):
        """Starts QEMU. scratch: a folder for the files of the run, the
        caller's. console: a QEMU character device for COM1 instead of a port
        of ours. Raises CannotStart."""
        if not 1 <= int(self.smp) <= MAX_CPUS:
            raise CannotStart(f"{self.smp} CPUs: 1 to {MAX_CPUS} are possible")
        if not re.fullmatch(r"[1-9]\d*[MG]?", str(self.mem)):
            raise CannotStart(f"{self.mem} is not an amount of memory: megabytes, or a "
                              "number with M or G")
        with open(self.kernel, "rb") as stream:
            start = stream.read(0x206)
        # One of ours, or Linux's by its boot protocol.
        if not start.startswith(b"\x7fELF") and start[0x202:] != b"HdrS":
            raise CannotStart(f"{self.kernel} is not a kernel")
        return Running(self, scratch, console)

    def _boot_args(self, scratch):
        if self.boot == "fast":
            args = ["-kernel", self.kernel, "-append", self.append]
            if self.modules:
                args += ["-initrd", self._joined_modules(scratch)]
            return args
        iso = self.image or os.path.join(scratch, "cutaway.iso")
        if not self.image:
            self._make_image(iso)
        args = ["-cdrom", iso, "-boot", "d"]
        if self.boot == "uefi":
            code, variables = _find_ovmf()
            flash = "if=pflash,format=raw,"
            args += ["-drive", f"{flash}readonly=on,file={code}",
                     "-drive", f"{flash}snapshot=on,file={variables}"]
        return args

    def _make_image(self, iso):
        made = subprocess.run([os.path.join(ROOT, "scripts", "mkiso"), iso,
                               self.kernel, self.append, *self.modules],
                              stdout=2, check=False)
        if made.returncode:
            raise CannotStart("cannot make the GRUB image")

    def _joined_modules(self, scratch):
        """QEMU hands over one module; archives may be concatenated."""
        if len(self.modules) == 1:
            return self.modules[0]
        joined = os.path.join(scratch, "initrd.cpio")
        with open(joined, "wb") as out:
            for name in self.modules:
                with open(name, "rb") as module:
                    shutil.copyfileobj(module, out, 1 << 20)
        return joined

    def command(self, scratch, console, ports, monitor):
        """QEMU's argument vector; ports and monitor are file descriptors."""
        if os.environ.get("KVM") == "1" and not self.replay:
            accel, cpu = "kvm", "host"
        else:
            accel, cpu = "tcg", "max"
        args = [os.environ.get("CUTAWAY_QEMU", "qemu-system-x86_64"),
                "-M", "q35", "-accel", accel, "-cpu", cpu,
                "-m", str(self.mem), "-smp", str(self.smp),
                "-nodefaults", "-vga", self.vga, "-display", "none",
                "-action", "reboot=shutdown,shutdown=pause",
                "-device", "isa-debug-exit,iobase=0x501,iosize=1",
                "-d", "cpu_reset", "-D", os.path.join(scratch, "qemu.log"),
                "-chardev", f"socket,id=qmp,fd={monitor}",
                "-mon", "chardev=qmp,mode=control"]
        if console:
            args += ["-serial", console]
        for number, descriptor in enumerate(ports):
            args += ["-chardev", f"socket,id=port{number},fd={descriptor}",
                     "-serial", f"chardev:port{number}"]
        if self.replay:
            mode, name = self.replay
            args += ["-icount", f"shift=auto,rr={mode},rrfile={name}"]
        if self.gdb:
            args += self.gdb.arguments()
        if self.wait:
            args.append("-S")
        ports = [number for number in SATA_PORTS
                 if self.boot == "fast" or number != CDROM_PORT]
        return (args + disk_args(self.disks, self.keep, ports, self.replay)
                + self._boot_args(scratch) + self.extra)


def _find_ovmf():
    for folder in ("/usr/share/OVMF", "/usr/share/edk2/x64",
                   "/usr/share/edk2/ovmf"):
        for code, variables in OVMF:
            found = [os.path.join(folder, code), os.path.join(folder,
                                                              variables)]
            if all(os.path.exists(name) for name in found):
                return found
    raise CannotStart("no UEFI firmware found; scripts/setup installs it")


class Running:
    """A QEMU process. ports[n] is this end of COM n+1, a connected socket; with
    a console of the caller's COM1 is that, and there is no other port."""

    def __init__(self, machine, scratch, console):
        self.scratch = scratch
        self.process = None
        self.registers = ""
        self.reason = None
        self._heard = b""
        self._asked = False
        pairs = [] if console else [socket.socketpair() for _ in range(4)]
        self.monitor, remote = socket.socketpair()
        self.ports = [pair[0] for pair in pairs]
        far = [pair[1].fileno() for pair in pairs]
        self.gdb = machine.gdb
        inherited = [*far, remote.fileno()]
        if self.gdb:
            inherited.append(self.gdb.socket.fileno())
        try:
            command = machine.command(self.scratch, console, far,
                                      remote.fileno())
            self.errors = open(os.path.join(self.scratch, "errors"), "w+b")
            self.monitor.sendall(b'{"execute":"qmp_capabilities"}\n')
            self.process = subprocess.Popen(
                _die_with_us(command), pass_fds=inherited,
                stdin=None if console else subprocess.DEVNULL,
                stderr=self.errors)
        except OSError as error:
            self.close()
            raise CannotStart(f"cannot run QEMU: {error}") from error
        except CannotStart:
            self.close()
            raise
        finally:
            remote.close()
            for pair in pairs:
                pair[1].close()

    def hear(self):
        """Reads what the monitor has to say, and answers. Call when it is
        readable; returns False once QEMU has closed it."""
        try:
            data = self.monitor.recv(65536)
        except ConnectionResetError:
            data = b""
        self._heard += data
        while b"\n" in self._heard:
            line, _, self._heard = self._heard.partition(b"\n")
            self._answer(line)
        return bool(data)

    def _answer(self, line):
        if b'"return": "' in line:
            text = line.partition(b'"return": "')[2].rpartition(b'"')[0]
            self.registers = text.replace(b"\\r\\n", b"\n").decode("ascii",
                                                                   "replace")
            self._say(b'{"execute":"quit"}\n')
        elif b'"SHUTDOWN"' in line and self.reason is None:
            for reason in (b"guest-shutdown", b"guest-reset"):
                if reason in line:
                    self.reason = reason.decode()
            if self.reason == "guest-reset":
                self.ask_registers()
            else:
                self._say(b'{"execute":"quit"}\n')

    def ask_registers(self):
        """Requests all CPUs' registers; when they are there QEMU quits."""
        if not self._asked:
            self._asked = True
            self._say(b'{"execute":"human-monitor-command","arguments":'
                      b'{"command-line":"info registers -a"}}\n')

    def _say(self, command):
        try:
            self.monitor.sendall(command)
        except OSError:
            pass            # QEMU has gone; its status tells the rest

    def triple_fault(self):
        """After the end: did a CPU fail to enter even its fault handlers?"""
        try:
            with open(os.path.join(self.scratch, "qemu.log"), "rb") as log:
                return b"Triple fault" in log.read()
        except OSError:
            return False

    def error_text(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def close(self):
        self.kill()
        if self.gdb:
            self.gdb.close()
        for port in (*self.ports, self.monitor):
            port.close()


def _die_with_us(command):
    """Lets the kernel end QEMU when this process is killed outright."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", *command] if setpriv else command


def extra_args(texts):
    """Splits --qemu arguments as a shell would."""
    return [word for text in texts for word in shlex.split(text)]
