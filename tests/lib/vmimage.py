# SPDX-License-Identifier: BSD-3-Clause
"""What a virtual machine boots: the kernel of Debian's package, and an initramfs of this
machine's own programs.

Nothing of it is installed here. The package is fetched by apt into a cache directory once
($DPDK_VNIC_CACHE, else /var/cache/dpdk-vnic-tests), where kernel and modules stay unpacked.
"""

import glob
import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import tarfile
import tempfile

import netns
import taptest

CACHE = os.environ.get("DPDK_VNIC_CACHE", "/var/cache/dpdk-vnic-tests")

# Debian has these as modules; what they need in turn is found in them.
MODULES = ("virtio_pci", "virtio_console", "virtio_net", "e1000", "tun", "8021q", "vfio_pci",
           "vfio_iommu_type1", "uio_pci_generic")
# What machines may ask for: Linux's own vnics and what they stand on.
MORE_MODULES = ("ipvlan", "ipvtap", "macvlan", "veth", "dummy", "bridge", "bonding")
PROGRAMS = ("busybox", "ip", "ping", "ethtool", "iperf3")
_SUFFIX = re.compile(r"\.ko(\.xz|\.gz)?$")


class Kernel:
    """A kernel image and the modules next to it."""

    def __init__(self, directory):
        self.directory = directory
        self.image = os.path.join(directory, "vmlinux")

    def modules(self, names=MODULES):
        """The files of @names and of all that they need, in an order that loads them."""
        order = []
        for name in names:
            self._add(name, order)
        return order

    def _add(self, name, order):
        path = os.path.join(self.directory, "modules", name.replace("-", "_") + ".ko")
        # What isn't there is built in.
        if path in order or not os.path.exists(path):
            return
        with open(path, "rb") as f:
            needs = re.search(rb"\0depends=([^\0]*)\0", f.read())
        for other in needs[1].decode().split(",") if needs else []:
            if other:
                self._add(other, order)
        order.append(path)


def kernel():
    """The kernel to boot, fetched at the first call; skips where it can't be had."""
    found = sorted(glob.glob(os.path.join(CACHE, f"linux-image-*.{_selection()}", "vmlinux")),
                   key=os.path.getmtime)
    if found:
        return Kernel(os.path.dirname(found[-1]))
    try:
        return Kernel(_fetch())
    except (OSError, netns.CommandFailed, subprocess.SubprocessError) as why:
        raise taptest.Skip(f"no Debian kernel package to be had: {why}") from None


def _selection():
    """Stands for the modules in a cached directory's name, which holds no others."""
    return hashlib.sha256(" ".join(MODULES + MORE_MODULES).encode()).hexdigest()[:8]


def _fetch():
    """Package -> cache. Renamed into place when whole."""
    needs = netns.run("apt-cache", "depends", "linux-image-amd64")
    package = re.search(r"Depends: (linux-image-\S+)", needs)
    if not package:
        raise OSError("apt knows no linux-image-amd64")
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="fetch-") as work:
        # apt drops its rights to fetch; it says so where they don't suffice, and keeps them.
        subprocess.run(["apt-get", "download", "-q", package[1]], cwd=work, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        deb = glob.glob(os.path.join(work, "*.deb"))[0]
        target = os.path.join(CACHE, f"{os.path.basename(deb)[:-len('.deb')]}.{_selection()}")
        ready = os.path.join(work, "ready")
        os.makedirs(os.path.join(ready, "modules"))
        _unpack(deb, ready)
        wanted = Kernel(ready).modules(MODULES + MORE_MODULES)
        for path in glob.glob(os.path.join(ready, "modules", "*.ko")):
            if path not in wanted:
                os.unlink(path)
        shutil.rmtree(target, ignore_errors=True)
        os.rename(ready, target)
    return target


def _unpack(deb, directory):
    """Kernel and modules out of the package, the modules by the names that the kernel uses."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as unpacker:
        with tarfile.open(fileobj=unpacker.stdout, mode="r|") as tar:
            for member in tar:
                base = os.path.basename(member.name)
                if not member.isfile():
                    continue
                if base.startswith("vmlinuz-"):
                    _write(os.path.join(directory, "vmlinux"),
                           unpacked_kernel(tar.extractfile(member).read()))
                elif _SUFFIX.search(base):
                    _write(os.path.join(directory, "modules",
                                        _SUFFIX.sub("", base).replace("-", "_") + ".ko"),
                           _plain(base, tar.extractfile(member).read()))
        if unpacker.wait() != 0:
            raise OSError(f"dpkg-deb could not unpack {deb}")


def _plain(name, data):
    if name.endswith(".xz"):
        return lzma.decompress(data)
    return gzip.decompress(data) if name.endswith(".gz") else data


def unpacked_kernel(image):
    """The ELF file inside a bzImage, which boots three times faster where an emulated CPU
    would have to unpack it; the bzImage itself where it is packed in another way than xz."""
    sectors = image[0x1f1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if payload[:6] != b"\xfd7zXZ\0":
        return image
    return lzma.LZMADecompressor().decompress(payload)


def _write(path, data):
    with open(path, "wb") as f:
        f.write(data)


class Archive:
    """An initramfs in the making (cpio, format newc)."""

    def __init__(self):
        self.parts = []
        self.names = set()

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        # Two entries of one number would be hard links: the number is that of the entry.
        number = len(self.parts) + 1
        encoded = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + encoded
        self.parts.append(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))
        self.names.add(name)

    def directory(self, path):
        path = path.strip("/")
        if not path or path in self.names:
            return
        self.directory(os.path.dirname(path))
        self._entry(path, 0o040755)

    def file(self, path, data, mode=0o755):
        path = path.strip("/")
        if path not in self.names:
            self.directory(os.path.dirname(path))
            self._entry(path, 0o100000 | mode, data if isinstance(data, bytes) else data.encode())

    def copy(self, source, path=None):
        """A file, as @path or under its own name. One that has several names of its own is there
        once, with links to it: a library must not be loaded twice."""
        real = path or os.path.realpath(source)
        if real.strip("/") not in self.names:
            with open(source, "rb") as f:
                self.file(real, f.read())
        if not path and source != real:
            self.link(source, real)

    def program(self, source, path=None):
        """A program or plugin, with the libraries that it needs."""
        self.copy(source, path)
        for library in libraries(source):
            self.copy(library)

    def link(self, path, target):
        path = path.strip("/")
        if path not in self.names:
            self.directory(os.path.dirname(path))
            self._entry(path, 0o120777, target.encode())

    def device(self, path, major, minor):
        path = path.strip("/")
        self.directory(os.path.dirname(path))
        self._entry(path, 0o020600, device=(major, minor))

    def bytes(self):
        end = Archive()
        end._entry("TRAILER!!!", 0)  # pylint: disable=protected-access
        data = b"".join(self.parts + end.parts)
        return data + bytes(-len(data) % 512)


def libraries(path):
    """What the dynamic loader loads with @path, itself included."""
    status, out, _ = netns.run("ldd", path, check=False)
    return re.findall(r"(/\S+) \(0x", out) if status == 0 else []


def which(program):
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise taptest.Skip(f"{program} is not installed")
    return found


_INIT = """#!/bin/busybox sh
# Mounts, loads the modules, then serves commands on its virtio port: to a line `N WORDS` it
# answers with their output, `@N:STATUS`, their errors, `@N.`. Every process costs an emulated CPU
# tens of milliseconds, so there are as few as can be.
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C
chmod 755 /
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/hugepages /proc /sys /tmp /run/netns
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
ip link set lo up
while read -r module; do
    insmod "$module" || echo "init: $module"
done </modules/order
# A port can be opened once only.
exec <>/dev/vport0p1 >&0
echo "@ready"
while read -r number words; do
    (eval "$words") </dev/null 2>/tmp/err
    echo "@$number:$?"
    [ ! -s /tmp/err ] || cat /tmp/err
    echo "@$number."
done
"""


def initramfs(boot_kernel, programs=PROGRAMS, modules=MODULES):
    """The Archive of a machine with @programs; callers add theirs."""
    archive = Archive()
    for path in ("proc", "sys", "dev", "tmp", "run", "var/run"):
        archive.directory(path)
    archive.device("/dev/console", 5, 1)
    order = boot_kernel.modules(modules)
    for path in order:
        archive.copy(path, "/modules/" + os.path.basename(path))
    archive.file("/modules/order",
                 "".join(f"/modules/{os.path.basename(path)}\n" for path in order))
    for name in programs:
        source = which(name)
        archive.program(source, f"/bin/{name}")
    archive.file("/init", _INIT)
    return archive
