# SPDX-License-Identifier: BSD-3-Clause
"""Virtual machines: QEMU with a Debian kernel, and commands in it as in a namespace.

A Machine has run() and popen() as netns.Namespace has, so that lab's pings and iperf3 take
either. Commands go over a virtio port that is QEMU's own stdin and stdout: no file, no network
device of the guest's. All waiting has limits, and a machine ends with the test, whatever
happens: QEMU is told by the kernel when we die.
"""

import atexit
import base64
import ctypes
import glob
import hashlib
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import netns
import taptest
import vmimage

QEMU = "qemu-system-x86_64"
BOOT_LIMIT = float(os.environ.get("DPDK_VNIC_BOOT_LIMIT", "60"))
# No mitigations: they cost an emulated CPU much. No timer check: it counts ticks in a moment that a
# busy host may not give us, and panics.
_APPEND = ("console=ttyS0 quiet panic=0 mitigations=off random.trust_cpu=on net.ifnames=0 "
           "no_timer_check tsc=reliable ipv6.autoconf=0")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_live = []


def need():
    """Tests with virtual machines begin with this."""
    if os.geteuid() != 0:
        raise taptest.Skip("needs root")
    vmimage.which(QEMU)
    _sweep()
    return vmimage.kernel()


def _sweep():
    """Removes what runs that were killed left behind; their QEMU ended with them."""
    for path in glob.glob(os.path.join(tempfile.gettempdir(), "vnic-vm-*-*")):
        owner = re.match(r"vnic-vm-(\d+)-", os.path.basename(path))
        if owner and not os.path.exists(f"/proc/{owner[1]}"):
            shutil.rmtree(path, ignore_errors=True)


def accelerator(kernel):
    """["kvm"] where it boots this kernel, else TCG. Some hosts have a /dev/kvm on which only
    paravirtual guests live; so it is tried, once for each host kernel, and remembered."""
    forced = os.environ.get("DPDK_VNIC_ACCEL")
    if forced:
        return forced
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    key = hashlib.sha256((os.uname().release + kernel.directory).encode()).hexdigest()[:16]
    path = os.path.join(vmimage.CACHE, f"kvm-{key}")
    try:
        with open(path, encoding="ascii") as f:
            return f.read().strip()
    except FileNotFoundError:
        pass
    answer = "kvm" if _kvm_boots(kernel) else "tcg"
    with open(path, "w", encoding="ascii") as f:
        f.write(answer + "\n")
    return answer


def _kvm_boots(kernel, limit=8):
    """No init: a kernel that comes as far as missing it has booted."""
    command = [QEMU, "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults", "-display",
               "none", "-no-reboot", "-serial", "stdio", "-kernel", kernel.image,
               "-append", "console=ttyS0 panic=-1"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return False
    return b"Unable to mount root" in done.stdout


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def vhost_nic(path, mac, n=0, queues=1, chardev="reconnect=1", options=""):
    """QEMU's words for a virtio-net on the socket @path, the @n-th of its machine."""
    # Without KVM, QEMU 7.2 dies of MSI-X when the device is vhost's: old interrupts then.
    vectors = 0 if accelerator(need()) == "tcg" else 2 * queues + 2
    return ["-chardev", f"socket,id=c{n},path={path},{chardev}",
            "-netdev", f"vhost-user,id=n{n},chardev=c{n},queues={queues}",
            "-device", f"virtio-net-pci,netdev=n{n},mac={mac},vectors={vectors}"
            + (",mq=on" if queues > 1 else "") + ("," + options if options else "")]


class Remote:
    """A program that runs in a machine; a subprocess.Popen as far as netns.stop() asks."""

    def __init__(self, machine, number):
        self.machine = machine
        self.number = number
        self.returncode = None

    def poll(self):
        if self.returncode is None:
            status = f"/tmp/bg{self.number}.status"
            text = self.machine.shell(f"read s 2>/dev/null <{status} && echo $s; :")
            self.returncode = int(text) if text.strip() else None
        return self.returncode

    def send_signal(self, number):
        self.machine.shell(f"read p </tmp/bg{self.number}.pid && kill -{int(number)} $p",
                           check=False)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, limit=10):
        end = time.monotonic() + limit
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(f"bg{self.number}", limit)
            time.sleep(0.05)
        return self.returncode

    def text(self):
        """What it wrote so far."""
        return self.machine.run("cat", f"/tmp/bg{self.number}.log")


class Inside:
    """A namespace inside of a machine; run() and popen() as the machine's own."""

    def __init__(self, machine, name):
        self.machine = machine
        self.name = name
        machine.run("ip", "netns", "add", name)
        self.ip("link set lo up")

    def run(self, *command, **kw):
        return self.machine.run("ip", "netns", "exec", self.name, *command, **kw)

    def popen(self, *command, **kw):
        return self.machine.popen("ip", "netns", "exec", self.name, *command, **kw)

    def ip(self, words, check=True):
        return self.machine.run("ip", "-n", self.name, *words.split(), check=check)


class Machine:
    """One virtual machine. @devices: QEMU arguments of its NICs; @extra: fills its Archive;
    @modules: those that it loads, virtio_console among them."""

    def __init__(self, name, devices=(), memory=256, cpus=1, append="", model="pc",
                 extra=None, ns=None, ready=True, modules=vmimage.MODULES):
        kernel = need()
        self.name = name
        self.directory = tempfile.mkdtemp(prefix=f"vnic-vm-{os.getpid()}-")
        self.console = os.path.join(self.directory, "console")
        self.process = None
        self._data = b""
        self._number = 0
        _live.append(self)
        try:
            self._start(kernel, devices, memory, cpus, append, model, extra, ns, modules)
            if ready:
                self.await_ready()
        except BaseException:
            self.stop()
            raise

    def _start(self, kernel, devices, memory, cpus, append, model, extra, ns, modules):
        archive = vmimage.initramfs(kernel, modules=modules)
        if extra:
            extra(archive)
        initrd = os.path.join(self.directory, "initrd")
        with open(initrd, "wb") as f:
            f.write(archive.bytes())
        accel = accelerator(kernel)
        command = [
            # Emulated, `rep movsb` copies byte by byte: a guest without ERMS copies four times as fast.
            QEMU, "-accel", accel, "-cpu", "host" if accel == "kvm" else "max,-erms,-fsrm",
            "-M", f"{model},memory-backend=mem", "-m", str(memory), "-smp", str(cpus),
            # Shared, for vhost-user back ends.
            "-object", f"memory-backend-memfd,id=mem,size={memory}M,share=on",
            "-nodefaults", "-display", "none", "-kernel", kernel.image, "-initrd", initrd,
            "-append", f"{_APPEND} {append}", "-serial", f"file:{self.console}",
            "-chardev", "stdio,id=commands,signal=off",
            # No UART: an emulated one's interrupt gets lost now and then.
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=commands",
            "-qmp", f"unix:{self.directory}/qmp,server=on,wait=off", *devices]
        start = ns.popen if ns else lambda *c, **kw: subprocess.Popen(c, **kw)
        with open(os.path.join(self.directory, "qemu"), "wb") as errors:
            self.process = start(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=errors, preexec_fn=_die_with_parent)

    # ---- life

    def await_ready(self, limit=BOOT_LIMIT):
        """Waits until init serves commands."""
        self._until(rb"@ready\n", limit, "has not booted")

    def reboot(self, hard=False, limit=BOOT_LIMIT):
        """hard: the reset button; else `reboot -f` of the guest's own."""
        if hard:
            self.qmp("system_reset")
        else:
            self._send("reboot -f")
        self.await_ready(limit)

    def stop(self):
        """Ends QEMU; harmless when it has ended."""
        if self in _live:
            _live.remove(self)
        process = self.process
        if process:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            taptest.note(f"--- machine {self.name}")
            taptest.note(self.diagnosis())
        self.stop()

    def diagnosis(self):
        """What console and QEMU said last."""
        text = ""
        for name in ("qemu", "console"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as f:
                    text += f.read()[-2000:]
        return (text or "(nothing on the console)") + self._processors()

    def _processors(self):
        """Where its CPUs are, for a machine that is silent."""
        if not self.process or self.process.poll() is not None:
            return ""
        try:
            words = self.qmp("human-monitor-command", **{"command-line": "info registers -a"})
        except (OSError, ValueError, taptest.Failure):
            return "\n(the monitor is silent, too)"
        return "\n" + "\n".join(re.findall(r"(?:CPU#\d+|RIP=\S+.*HLT=\d)", words))

    def migrate(self, other, limit=60):
        """Moves the running machine into @other, made like this one with "-incoming defer" and
        ready=False. Commands go to @other from now on, programs in it run on."""
        where = f"unix:{other.directory}/incoming"
        other.qmp("migrate-incoming", uri=where)
        self.qmp("migrate", uri=where)

        def completed():
            status = self.qmp("query-migrate").get("status")
            taptest.check(status not in ("failed", "cancelled"), f"migration {status}:\n"
                          f"{self.diagnosis()}\n{other.diagnosis()}")
            return status == "completed"

        taptest.eventually(completed, f"{self.name} has migrated", limit, 0.1)
        other._number = self._number  # pylint: disable=protected-access

    # ---- commands

    def _send(self, words):
        self._number += 1
        self._write(f"{self._number} {words}\n")

    def _write(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            raise taptest.Failure(f"{self.name}: QEMU has ended") from None

    def _fill(self, end, what):
        left = end - time.monotonic()
        if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
            raise taptest.Failure(f"{self.name} {what} in time:\n{self.diagnosis()}")
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            raise taptest.Failure(
                f"{self.name}: QEMU ended with {self.process.wait(10)}:\n{self.diagnosis()}")
        self._data += data

    def _until(self, pattern, limit, what):
        """Reads up to and with @pattern: (the match, what stood before it)."""
        end = time.monotonic() + limit
        while True:
            found = re.search(pattern, self._data)
            if found:
                self._data = self._data[found.end():]
                return found, found.string[:found.start()].decode(errors="replace")
            self._fill(end, what)

    def shell(self, words, check=True, timeout=30):
        """A line of shell; as netns.run(). A machine that doesn't answer in time is of no use
        any more: its next commands fail, too."""
        self._send(words)
        what = f"did not answer to {words!r}"
        found, out = self._until(rb"@%d:(\d+)\n" % self._number, timeout, what)
        _, err = self._until(rb"@%d\.\n" % self._number, timeout, what)
        status = int(found[1])
        if not check:
            return status, out, err
        if status != 0:
            raise netns.CommandFailed([self.name + ":", words], status, err or out)
        return out

    def run(self, *command, check=True, timeout=30):
        """A command in the guest; as netns.run()."""
        return self.shell(shlex.join(str(c) for c in command), check, timeout)

    def popen(self, *command, **_):
        """Starts a program that goes on in the guest."""
        words = shlex.join(str(c) for c in command)
        number = self._number + 1
        base = f"/tmp/bg{number}"
        self.shell(f"(sh -c 'echo $$ >{base}.pid; exec \"$@\"' sh {words} "
                   f"</dev/null >{base}.log 2>&1; echo $? >{base}.status) >/dev/null 2>&1 & "
                   f"while ! [ -s {base}.pid ]; do sleep 0.01; done")
        return Remote(self, number)

    def ip(self, words, check=True):
        return self.run("ip", *words.split(), check=check)

    def write(self, path, text):
        """A small file in the guest; by parts that a serial line's buffer holds."""
        data = base64.b64encode(text.encode()).decode()
        for i in range(0, len(data), 1800):
            self.shell(f"echo {data[i:i + 1800]} {'>>' if i else '>'}{path}.b64")
        self.shell(f"base64 -d {path}.b64 >{path}")

    def read(self, path):
        return self.run("cat", path).strip()

    # ---- the machine's own monitor

    def qmp(self, command, **arguments):
        """One command of QEMU's monitor protocol; its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(10)
            s.connect(os.path.join(self.directory, "qmp"))
            stream = s.makefile("rw")
            stream.readline()
            for call in ({"execute": "qmp_capabilities"},
                         {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(call) + "\n")
                stream.flush()
                answer = {"event": ""}
                while "event" in answer:
                    answer = json.loads(stream.readline())
        if "error" in answer:
            raise taptest.Failure(f"QEMU: {command}: {answer['error']['desc']}")
        return answer["return"]


@atexit.register
def _stop_all():
    for machine in list(_live):
        machine.stop()
