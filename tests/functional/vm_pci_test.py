#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-vnic on a PCI NIC: a virtual machine runs the forwarder itself, on emulated NICs that its
kernel gave away, polled by their own DPDK drivers. Outside, QEMU's end of each NIC's wire is a
netdev in a namespace of ours."""

import contextlib
import glob
import json
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import frames
import lab
import taptest
import vm

# The buses that plugins need, a mempool, and the drivers of the two NICs.
_PLUGINS = ("bus_pci", "bus_vdev", "mempool_ring", "net_virtio", "net_e1000")
_OUTSIDE = "02:00:00:00:99:01"
_STRANGER = "02:00:00:00:99:02"
_PAGES = 160


def _fill(archive):
    """The programs under test, and DPDK's plugins where librte_eal looks for them."""
    archive.program(forwarder.binary(), "/bin/dpdk-vnic")
    archive.program(forwarder.vnicctl(), "/bin/vnicctl")
    for name in _PLUGINS:
        found = glob.glob(f"/usr/lib/*/dpdk/pmds-*/librte_{name}.so*")
        if not found:
            raise taptest.Skip(f"DPDK's plugin librte_{name} is not installed")
        for path in found:
            archive.program(path)
    # glibc loads it when a thread is cancelled, as EAL does at its end.
    for path in glob.glob("/usr/lib/*/libgcc_s.so.1"):
        archive.copy(path)


def _bind(machine, address, driver):
    """Takes a NIC away from its kernel driver, as dpdk-devbind does."""
    device = f"/sys/bus/pci/devices/{address}"
    machine.shell(f"echo {driver} >{device}/driver_override; "
                  f"! [ -e {device}/driver ] || echo {address} >{device}/driver/unbind; "
                  f"echo {address} >/sys/bus/pci/drivers_probe")
    bound = machine.run("readlink", f"{device}/driver").strip()
    taptest.equal(os.path.basename(bound), driver, f"the driver of {address}")


class Inner:
    """dpdk-vnic in the machine."""

    def __init__(self, machine, ini, *args):
        self.machine = machine
        machine.write("/tmp/vnic.ini", ini)
        self.process = machine.popen("dpdk-vnic", "-l", "0-1", *args, "--", "-c", "/tmp/vnic.ini",
                                     "--socket", "/tmp/control.sock")
        taptest.eventually(self._ready, "dpdk-vnic is ready in the machine", 40, 0.2)

    def _ready(self):
        if self.process.poll() is not None:
            raise taptest.Failure(f"dpdk-vnic ended with {self.process.returncode}:\n{self.text()}")
        return "ready: " in self.text()

    def text(self):
        return self.process.text()

    def port(self):
        out = self.machine.run("vnicctl", "--socket", "/tmp/control.sock", "-j", "-d", "port",
                               "show", "eth0")
        return json.loads(out)[0]

    def ctl(self, *words):
        return self.machine.run("vnicctl", "--socket", "/tmp/control.sock", *words)

    def stop(self):
        """SIGTERM; it must end by itself, with 0."""
        self.process.send_signal(15)
        status = self.process.wait(20)
        taptest.check(status == 0, f"exit status {status} after SIGTERM:\n{self.text()}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            taptest.note(self.text()[-3000:])
            self.process.kill()


class Lab:
    """A machine with the forwarder's NIC, namespaces web and db in it, `out` behind the NIC."""

    def __init__(self, machine, address, out):
        self.machine = machine
        self.address = address
        self.out = out
        self.web, self.db = vm.Inside(machine, "web"), vm.Inside(machine, "db")

    def start(self):
        ini = (forwarder.section("port", "eth0", {"device": self.address})
               + lab.vnic("web", self.web, address="10.1.0.2/24, fd00:1::2/64")
               + lab.vnic("db", self.db, address="10.1.0.3/24, fd00:1::3/64"))
        return Inner(self.machine, ini, "-a", self.address)


@contextlib.contextmanager
def nic_lab(nic, driver, model, append=""):
    """A Lab on a NIC whose wire is netdev w0 in a namespace of this machine's."""
    forwarder.need()
    vm.need()
    lab.need("iperf3")
    with lab.machines("out") as (out,):
        devices = ["-netdev", "tap,id=n0,ifname=w0,script=no,downscript=no", *nic]
        with vm.Machine("pci", devices, memory=768, cpus=2, model=model, append=append,
                        extra=_fill, ns=out) as machine:
            out.batch([f"link set w0 address {_OUTSIDE} up", "addr add 10.1.0.100/24 dev w0",
                       "addr add fd00:1::100/64 dev w0"])
            machine.shell(f"mount -t hugetlbfs huge /dev/hugepages; "
                          f"echo {_PAGES} >/proc/sys/vm/nr_hugepages")
            address = machine.shell("for d in /sys/bus/pci/devices/*; do "
                                    "[ $(cat $d/class) != 0x020000 ] || basename $d; done").strip()
            _bind(machine, address, driver)
            yield Lab(machine, address, out)


def _everyday(nic):
    """ARP from each end, both IP versions, full frames, siblings, TCP both ways."""
    lab.reaches(nic.web, "10.1.0.100", limit=20)
    # Asked by broadcast again: the first answer came to the vnic's own question.
    nic.out.ip("neigh flush dev w0")
    lab.reaches(nic.out, "10.1.0.2", size=1472, limit=20)
    lab.reaches(nic.out, "10.1.0.3", limit=20)
    lab.reaches(nic.db, "fd00:1::100", size=1452, limit=20)
    lab.reaches(nic.web, "10.1.0.3", limit=20)
    rates = [lab.tcp_gbits(nic.web, nic.out, "10.1.0.100"),
             lab.tcp_gbits(nic.out, nic.web, "10.1.0.2")]
    taptest.note("Gbit/s out, in: " + ", ".join(f"{r:.3f}" for r in rates))


def _received(f):
    return f.port()["stats64"]["rx"]["packets"]


def _strangers(nic, f, n=100):
    """How many of @n frames to nobody's address the NIC let in, less than 10 of others."""
    before = _received(f)
    with nic.out.entered():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
            s.bind(("w0", 0))
            for _ in range(n):
                s.send(frames.build(1, _STRANGER, _OUTSIDE))
    time.sleep(1)
    return _received(f) - before


def _filters(nic, f):
    """The NIC lets in the vnics' addresses only, as long as no owner wants more."""
    taptest.equal(f.port()["promisc"], False, "promiscuous though the NIC has filters")
    taptest.check(_strangers(nic, f) < 10, "the NIC let in frames to nobody's address")
    nic.web.ip("link set web0 promisc on")
    taptest.eventually(lambda: f.port()["promisc"], "promiscuous, as web0's owner is", 5, 0.2)
    taptest.check(_strangers(nic, f) >= 100, "a promiscuous NIC kept back frames")
    nic.web.ip("link set web0 promisc off")
    taptest.eventually(lambda: not f.port()["promisc"], "filtering again", 5, 0.2)
    taptest.check(_strangers(nic, f) < 10, "the NIC still lets in everything")
    nic.web.ip("link set web0 address 02:00:00:00:77:01")
    nic.web.ip("neigh flush dev web0")
    lab.reaches(nic.web, "10.1.0.100", limit=10)
    taptest.equal(f.port()["promisc"], False, "promiscuous after web0 changed its address")


def _free_pages(nic):
    return int(nic.machine.shell("grep HugePages_Free /proc/meminfo").split()[1])


def _all(nic, name):
    with nic.start() as f:
        taptest.check(f"driver={name} " in f.port()["device"]["detail"],
                      f"another driver: {f.port()['device']}")
        _everyday(nic)
        _filters(nic, f)
    free = _free_pages(nic)
    with nic.start():
        lab.reaches(nic.web, "10.1.0.100", limit=20)
    taptest.equal(_free_pages(nic), free, "hugepages free after the second end")


def test_virtio_vfio():
    """virtio-net by VFIO behind an IOMMU: ping, TCP, filters, SIGTERM, a second start"""
    nic = ["-device", "intel-iommu,intremap=on", "-device",
           "virtio-net-pci,netdev=n0,disable-legacy=on,iommu_platform=on,ats=on"]
    with nic_lab(nic, "vfio-pci", "q35", "intel_iommu=on") as made:
        _all(made, "net_virtio")


def test_e1000_uio():
    """e1000 by uio_pci_generic: ping, TCP, filters, SIGTERM, a second start"""
    with nic_lab(["-device", "e1000,netdev=n0"], "uio_pci_generic", "pc") as made:
        _all(made, "net_e1000_em")


if __name__ == "__main__":
    taptest.main()
