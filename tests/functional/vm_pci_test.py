#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-vnic on a PCI NIC: a virtual machine runs the forwarder itself, on emulated NICs that its
kernel gave away, polled by their own DPDK drivers. Outside, QEMU's end of each NIC's wire is a
netdev in a namespace of ours."""

import contextlib
import glob
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import lab
import taptest
import vm

# The buses that plugins need, a mempool, and the drivers of the two NICs.
_PLUGINS = ("bus_pci", "bus_vdev", "mempool_ring", "net_virtio", "net_e1000")
_OUTSIDE = "02:00:00:00:99:01"


def _fill(archive):
    """The programs under test, and DPDK's plugins where librte_eal looks for them."""
    archive.program(forwarder.binary(), "/bin/dpdk-vnic")
    archive.program(forwarder.vnicctl(), "/bin/vnicctl")
    for name in _PLUGINS:
        found = glob.glob(f"/usr/lib/*/dpdk/pmds-*/librte_{name}.so.*[0-9]")
        if not found:
            raise taptest.Skip(f"DPDK's plugin librte_{name} is not installed")
        for path in found:
            archive.program(path)


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
        taptest.equal(self.process.wait(20), 0, "exit status after SIGTERM")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            taptest.note(self.text()[-3000:])
            self.process.kill()


@contextlib.contextmanager
def inner_forwarder(nic, driver, model, **machine):
    """(dpdk-vnic on NIC, namespaces web and db inside, out behind the NIC)."""
    forwarder.need()
    vm.need()
    with lab.machines("out") as (out,):
        devices = ["-netdev", "tap,id=n0,ifname=w0,script=no,downscript=no", *nic]
        with vm.Machine("pci", devices, memory=768, cpus=2, model=model, extra=_fill, ns=out,
                        **machine) as m:
            out.batch([f"link set w0 address {_OUTSIDE} up", "addr add 10.1.0.100/24 dev w0",
                       "addr add fd00:1::100/64 dev w0"])
            m.shell("mount -t hugetlbfs huge /dev/hugepages; "
                    "echo 160 >/proc/sys/vm/nr_hugepages")
            address = m.shell("for d in /sys/bus/pci/devices/*; do "
                              "[ $(cat $d/class) = 0x020000 ] && basename $d; done; :").strip()
            _bind(m, address, driver)
            web, db = vm.Inside(m, "web"), vm.Inside(m, "db")
            ini = (forwarder.section("port", "eth0", {"device": address})
                   + lab.vnic("web", web, address="10.1.0.2/24, fd00:1::2/64")
                   + lab.vnic("db", db, address="10.1.0.3/24, fd00:1::3/64"))
            with Inner(m, ini, "-a", address) as f:
                yield f, web, db, out


def _all_ways(f, web, db, out):
    """ARP (broadcast) from each end, unicast, both IP versions, a full frame, TCP both ways."""
    lab.reaches(web, "10.1.0.100", limit=20)
    lab.reaches(out, "10.1.0.3", limit=20)
    lab.reaches(web, "10.1.0.3", limit=20)
    lab.reaches(db, "fd00:1::100", size=1452, limit=20)
    out.ip("neigh flush dev w0")
    lab.reaches(out, "10.1.0.2", size=1472, limit=20)
    rates = [lab.tcp_gbits(web, out, "10.1.0.100"), lab.tcp_gbits(out, web, "10.1.0.2")]
    taptest.note("Gbit/s out, in: " + ", ".join(f"{r:.3f}" for r in rates))
    del f


def test_virtio_vfio():
    """virtio-net by VFIO behind an IOMMU: ping, ARP, IPv6, TCP; the NIC filters; SIGTERM"""
    nic = ["-device", "intel-iommu,intremap=on", "-device",
           "virtio-net-pci,netdev=n0,disable-legacy=on,iommu_platform=on,ats=on"]
    with inner_forwarder(nic, "vfio-pci", "q35", append="intel_iommu=on") as (f, web, db, out):
        _all_ways(f, web, db, out)
        taptest.note(f.text())
        taptest.note(json.dumps(f.port()))
        taptest.note(f.ctl("-s", "link", "show"))


def test_e1000_uio():
    """e1000 by uio_pci_generic: ping, ARP, IPv6, TCP; the NIC filters; SIGTERM"""
    nic = ["-device", "e1000,netdev=n0"]
    with inner_forwarder(nic, "uio_pci_generic", "pc") as (f, web, db, out):
        _all_ways(f, web, db, out)
        taptest.note(f.text())
        taptest.note(json.dumps(f.port()))
        taptest.note(f.ctl("-s", "link", "show"))


if __name__ == "__main__":
    taptest.main()
