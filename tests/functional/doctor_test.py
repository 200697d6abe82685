#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""vnicctl doctor: each fault of a machine is found, and told with the command that mends it."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
# pylint: disable=wrong-import-position
import forwarder
import taptest

NIC = "0000:3b:00.0"
PCI = f"sys/bus/pci/devices/{NIC}"
HUGE = "sys/kernel/mm/hugepages/hugepages-2048kB"
INI = f"""[port eth0]
device = {NIC}
host = tap:vnic-eth0
[vnic web]
type = macvlan
port = eth0
mode = bridge
endpoint = tap:web0,netns=web
[vnic db]
type = macvlan
port = eth0
mode = bridge
endpoint = tap:db0,netns=db
"""
EAL = ("--", "-l", "0,2-3")


class Machine:
    """A directory that looks like a machine in good order, until a test spoils something."""

    def __init__(self, ini=INI):
        self.root = tempfile.mkdtemp(prefix="vnic-doctor-")
        self.ini = self.put("vnic.ini", ini)
        self.put(f"{HUGE}/nr_hugepages", "512\n")
        self.put(f"{HUGE}/free_hugepages", "500\n")
        self.put("proc/meminfo", "MemTotal: 1 kB\nHugepagesize:       2048 kB\n")
        self.put("proc/mounts", "nodev /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n")
        self.put("proc/net/route", "Iface Destination\neno1\t00000000\t0102A8C0\n")
        self.put("proc/sys/fs/nr_open", "1048576\n")
        self.put("sys/devices/system/cpu/online", "0-7\n")
        self.put("sys/devices/system/cpu/isolated", "2-3\n")
        for node, cpus in ((0, "0-3"), (1, "4-7")):
            self.put(f"sys/devices/system/node/node{node}/cpulist", cpus + "\n")
            self.put(f"sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages",
                     "256\n")
        self.put(f"{PCI}/numa_node", "0\n")
        self.link(f"{PCI}/driver", "../../../bus/pci/drivers/vfio-pci")
        self.link(f"{PCI}/iommu_group", "../../../../kernel/iommu_groups/12")
        os.makedirs(f"{self.root}/sys/kernel/iommu_groups/12/devices")
        self.put("dev/vfio/12", "")
        self.link("dev/net/tun", "/dev/null")
        self.put("run/netns/web", "")
        self.put("run/netns/db", "")
        self.put("usr/sbin/ip", "")
        self.put("usr/bin/dpdk-devbind.py", "")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    def put(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb" if isinstance(text, bytes) else "w") as f:  # pylint: disable=W1514
            f.write(text)
        return path

    def link(self, path, target):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink(target, path)

    def remove(self, path):
        path = os.path.join(self.root, path)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def run(self, *words, eal=EAL, **kw):
        return call("--socket", "/run/x.sock", *words, "doctor", "-c", self.ini, "--root",
                    self.root, *eal, **kw)

    def report(self, eal=EAL, **kw):
        """(exit status, findings) as JSON."""
        done = self.run("-j", eal=eal, **kw)
        taptest.equal(done.stderr, "", "stderr")
        return done.returncode, json.loads(done.stdout)


def call(*words, **kw):
    return subprocess.run([forwarder.vnicctl(), *words], capture_output=True, text=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL, **kw)


def expect(machine, level, check, words, mend, eal=EAL):
    """One finding, and only that one beside what is in order."""
    status, report = machine.report(eal)
    bad = [f for f in report["findings"] if f["level"] != "ok"]
    taptest.equal([(f["level"], f["check"]) for f in bad], [(level, check)], f"{bad}")
    taptest.equal(status, 1 if level == "error" else 0, "exit status")
    taptest.equal((report["errors"], report["warnings"]),
                  (1, 0) if level == "error" else (0, 1), "counts")
    for word in words:
        taptest.check(word in bad[0]["text"], f"'{word}' is not in: {bad[0]['text']}")
    if mend is None:
        taptest.equal(bad[0]["mend"], None, "a command")
    else:
        taptest.check(mend in (bad[0]["mend"] or ""), f"'{mend}' is not in: {bad[0]['mend']}")


def test_a_machine_in_order():
    with Machine() as m:
        done = m.run()
        taptest.equal((done.returncode, done.stderr), (0, ""), done.stdout)
        taptest.check(done.stdout.endswith("0 errors, 0 warnings\n"), done.stdout)
        taptest.check("#" not in done.stdout, f"no command: {done.stdout}")
        for word in (f"{NIC} has vfio-pci", "500 of 512 are free", "all 2 are there",
                     "CAP_NET_ADMIN CAP_SYS_ADMIN CAP_IPC_LOCK", "cores 2-3 are isolated"):
            taptest.check(word in done.stdout, f"'{word}' is not in:\n{done.stdout}")


def test_text():
    """Aligned, the command on a line of its own below its fault, the sum at the end."""
    with Machine() as m:
        m.remove("dev/net/tun")
        done = m.run()
        lines = done.stdout.splitlines()
        at = next(i for i, line in enumerate(lines) if line.startswith("error"))
        taptest.equal(lines[at], "error    tun          /dev/net/tun does not exist: no TAP can be made",
                      "the fault")
        taptest.equal(lines[at + 1].strip(), "# modprobe tun", "the command")
        taptest.equal(lines[-1], "1 error, 0 warnings: dpdk-vnic would not start", "the sum")


def test_hugepages():
    echo = f"/{HUGE}/nr_hugepages"
    with Machine() as m:
        m.put(f"{HUGE}/nr_hugepages", "0\n")
        m.put(f"{HUGE}/free_hugepages", "0\n")
        expect(m, "error", "hugepages", ["none are free"], echo)
        # without a PCI device the forwarder can do without
        m.put("vnic.ini", INI.replace(NIC, "net_null0"))
        expect(m, "warning", "hugepages", ["--no-huge"], echo)
        status, report = m.report(eal=(*EAL, "--no-huge"))
        taptest.equal((status, report["warnings"]), (0, 0), "--no-huge")
    with Machine() as m:
        m.put(f"{HUGE}/free_hugepages", "20\n")
        expect(m, "error", "hugepages", ["40 MiB are free"], echo)
        # what is told to be enough is enough
        _, report = m.report()
        command = next(f["mend"] for f in report["findings"] if f["level"] == "error")
        total = int(command.split()[1])
        m.put(f"{HUGE}/nr_hugepages", f"{total}\n")
        m.put(f"{HUGE}/free_hugepages", f"{total - 492}\n")
        taptest.equal(m.report()[1]["errors"], 0, f"after {command}")
    with Machine() as m:
        m.put("proc/mounts", "proc /proc proc rw 0 0\n")
        expect(m, "error", "hugepages", ["mounted nowhere"], "mount -t hugetlbfs")
    with Machine() as m:
        m.put("proc/mounts", "nodev /huge1G hugetlbfs rw,pagesize=1024M 0 0\n")
        expect(m, "error", "hugepages", ["2048 KiB", "mounted nowhere"], "pagesize=2048K")
    with Machine() as m:
        m.put("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "0\n")
        expect(m, "warning", "hugepages", ["node 0", NIC], "node/node0/hugepages")


def needed_mib(ini):
    """What the doctor thinks a forwarder on @ini needs, hugepages being few."""
    with Machine(ini) as m:
        m.put(f"{HUGE}/free_hugepages", "20\n")
        _, report = m.report()
        return next(int(n) for f in report["findings"]
                    for n in re.findall(r"about (\d+) MiB needed", f["text"]))


def test_memory_of_taps():
    """The first TAP takes a pool of wide mbufs; more TAPs share it."""
    none = re.sub("= tap:.*", "= none", INI)
    one = none.replace("endpoint = none", "endpoint = tap:one", 1)
    taptest.equal(needed_mib(one) - needed_mib(none) in (16, 17), True, "16 MiB of wide mbufs")
    taptest.equal(needed_mib(INI), needed_mib(one), "for all TAPs")
    wide = "[global]\nmbuf-size = 20000\n"
    taptest.equal(needed_mib(wide + one), needed_mib(wide + none), "ordinary ones are wide")


def test_pci_device():
    with Machine() as m:
        m.remove(PCI)
        expect(m, "error", "device", ["[port eth0] device", f"no PCI device {NIC}"], "lspci")
    with Machine() as m:
        m.link(f"{PCI}/driver", "../drivers/ixgbe")
        os.makedirs(f"{m.root}/{PCI}/net/ens1f0")
        expect(m, "error", "device", ["ens1f0", "ixgbe", "vfio-pci"],
               f"ip link set ens1f0 down && modprobe vfio-pci && dpdk-devbind.py -b vfio-pci {NIC}")
        m.put("proc/net/route", "Iface Destination\nens1f0\t00000000\t0102A8C0\n")
        expect(m, "error", "device", ["default route"], "dpdk-devbind.py")
        m.remove("usr/bin/dpdk-devbind.py")
        expect(m, "error", "device", ["ens1f0"], "echo vfio-pci > driver_override")
    with Machine() as m:
        m.remove(f"{PCI}/driver")
        expect(m, "error", "device", ["no driver"], "-b vfio-pci")
    for driver in ("mlx5_core", "uio_pci_generic"):
        with Machine() as m:
            m.link(f"{PCI}/driver", f"../drivers/{driver}")
            taptest.equal(m.report()[0], 0, driver)


def test_iommu():
    with Machine() as m:
        m.remove(f"{PCI}/iommu_group")
        expect(m, "error", "iommu", ["no IOMMU group", "intel_iommu=on"],
               "enable_unsafe_noiommu_mode")
        m.put("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
        expect(m, "warning", "iommu", ["protects"], "update-grub")
    with Machine() as m:
        m.remove("dev/vfio/12")
        expect(m, "error", "iommu", ["/dev/vfio/12"], "modprobe vfio-pci")
    with Machine() as m:
        other = "0000:3b:00.1"
        for address, driver, kind in ((NIC, "vfio-pci", "0x020000"), (other, "ixgbe", "0x020000"),
                                      ("0000:3a:00.0", "pcieport", "0x060400")):
            m.put(f"sys/bus/pci/devices/{address}/class", kind + "\n")
            m.link(f"sys/bus/pci/devices/{address}/driver", f"../drivers/{driver}")
            m.put(f"sys/kernel/iommu_groups/12/devices/{address}", "")
        expect(m, "error", "iommu", ["shares", other, "ixgbe"], f"-b vfio-pci {other}")


def test_netdevs_and_files():
    """What vdevs stand on."""
    cases = (
        ("net_af_packet0,iface=ens2", "error", ["no netdev 'ens2'"], "ip -br link"),
        ("net_af_xdp0,iface=down0", "warning", ["down0 is down"], "ip link set down0 up"),
        ("net_pcap0,rx_pcap=/none/a.pcap", "error", ["/none/a.pcap"], None),
        ("ens1", "error", ["no driver of DPDK is called 'ens1'"], None),
        ("down0", "error", ["down0 is a netdev of the kernel", "is net_af_xdp0,iface=down0"], None),
        ("nic0", "error", ["nic0 is a netdev", f"is {NIC}, or net_af_xdp0,iface=nic0"], None),
        ("net_virtio_user0,path=/dev/vhost-net", "error", ["/dev/vhost-net"], "modprobe vhost_net"),
        ("net_memif0,socket=/run/none/s,socket-abstract=no", "error", ["/run/none/s"],
         "mkdir -p /run/none"),
    )
    for device, level, words, mend in cases:
        with Machine(INI.replace(NIC, device)) as m:
            m.put("sys/class/net/down0/flags", "0x1002\n")
            m.put("sys/class/net/nic0/flags", "0x1003\n")
            m.link("sys/class/net/nic0/device", f"../../../{NIC}")
            expect(m, level, "device", ["[port eth0] device", *words], mend)
    with Machine(INI.replace(NIC, "net_af_packet0,iface=up0")) as m:
        m.put("sys/class/net/up0/flags", "0x1003\n")
        taptest.equal(m.report()[0], 0, "a netdev that is up")


def test_tun():
    with Machine() as m:
        m.remove("dev/net/tun")
        expect(m, "error", "tun", ["/dev/net/tun"], "modprobe tun")
        os.makedirs(f"{m.root}/sys/class/misc/tun")
        expect(m, "error", "tun", ["/dev/net/tun"], "mknod -m 666 /dev/net/tun c 10 200")
        m.put("dev/net/tun", "")
        expect(m, "error", "tun", ["no device"], "mknod")
        m.remove("dev/net/tun")
        m.put("vnic.ini", f"[port eth0]\ndevice = {NIC}\n")
        taptest.equal(m.report()[0], 0, "no TAP in the file")


def test_namespaces():
    with Machine() as m:
        m.remove("run/netns/web")
        expect(m, "warning", "namespaces", ["1 of 2"], "ip netns add web")
        m.remove("run/netns/db")
        expect(m, "warning", "namespaces", ["2 of 2"],
               "for n in db web; do ip netns add $n; done")
    many = INI + ("[vnic c]\ntype = macvlan\nport = eth0\nmode = bridge\ncount = 3000\n"
                  "endpoint = tap:c%d,netns=client%d\n")
    with Machine(many) as m:
        expect(m, "warning", "namespaces", ["3000 of 3002", "not all"],
               "for n in client0 client1 client2 ")
    with Machine(INI.replace("netns=web", "netns=4194304")) as m:
        expect(m, "warning", "namespaces", ["no process 4194304"], None)


def test_its_command_mends():
    """On this machine: what doctor says is typed in, and then doctor is content."""
    if os.geteuid() != 0:
        raise taptest.Skip("needs root")
    names = [f"vnic-doc{os.getpid()}-{i}" for i in range(2)]
    ini = "".join(f"[vnic {'ab'[i]}]\ntype = veth\npeer = {'ba'[i]}\n"
                  f"endpoint = tap:e0,netns={names[i]}\n" for i in range(2))
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as f:
        f.write(ini)
        f.flush()
        def namespaces():
            done = call("-j", "doctor", "-c", f.name)
            return next(x for x in json.loads(done.stdout)["findings"] if x["check"] == "namespaces")
        try:
            before = namespaces()
            taptest.equal(before["level"], "warning", "before")
            subprocess.run(["sh", "-c", before["mend"]], check=True)
            taptest.equal((namespaces()["level"], namespaces()["text"]),
                          ("ok", "all 2 are there"), "after")
        finally:
            for name in names:
                subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_cores():
    with Machine() as m:
        m.put("sys/devices/system/cpu/isolated", "\n")
        expect(m, "warning", "isolation", ["no core is isolated"], "isolcpus=2,3 nohz_full=2,3")
        m.put("sys/devices/system/cpu/isolated", "2\n")
        expect(m, "warning", "isolation", ["not all"], "isolcpus=2,3")
    with Machine() as m:
        for i in (2, 3):
            m.put(f"sys/devices/system/cpu/cpu{i}/cpufreq/scaling_governor", "powersave\n")
        expect(m, "warning", "frequency", ["core 2", "powersave"], "echo performance")
    with Machine() as m:
        expect(m, "error", "cores", ["-l names 8", "0-7"], None, eal=("--", "-l", "2,3,8"))
    with Machine(INI.replace("[vnic web]", "[vnic web]\nworkers = 0,4-7")) as m:
        expect(m, "error", "cores", ["[vnic web] workers", "2,3"], None)
        taptest.equal(m.report(("--", "-l", "0,3-4"))[1]["errors"], 0, "4 is a worker")
    with Machine() as m:
        m.put(f"{PCI}/numa_node", "1\n")
        expect(m, "warning", "numa", ["node 1"], "-l 4-7")


def test_descriptors():
    with Machine() as m:
        m.put("vnic.ini", INI + "[vnic c]\ntype = macvlan\nport = eth0\nmode = bridge\n"
              "count = 2000\nendpoint = tap:c%d\n")
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
        # by a user who can't raise it
        done = subprocess.run(
            ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource",
             forwarder.vnicctl(), "-j", "--socket", "/run/x.sock", "doctor", "-c", m.ini, "--root",
             m.root, *EAL], capture_output=True, text=True, timeout=60, check=False,
            preexec_fn=limit)
        bad = [f for f in json.loads(done.stdout)["findings"] if f["level"] != "ok"]
        taptest.equal([f["check"] for f in bad], ["descriptors"], f"{bad}")
        taptest.check("1000 allowed" in bad[0]["text"] and "LimitNOFILE" in bad[0]["mend"], bad)
        taptest.equal(done.returncode, 1, "exit status")


def test_socket():
    with Machine() as m:
        m.put("run/x.sock", "")
        expect(m, "error", "socket", ["is no socket"], "mv /run/x.sock")
    with Machine() as m:
        done = call("-j", "--socket", "/none/at/all.sock", "doctor", "-c", m.ini, "--root", m.root,
                    *EAL)
        taptest.check("mkdir -p /none/at" in done.stdout and done.returncode == 1, done.stdout)
    with Machine("[global]\ncontrol = /none/x.sock\n" + INI) as m:
        done = call("doctor", "-c", m.ini, "--root", m.root, *EAL)
        taptest.check("# mkdir -p /none\n" in done.stdout, f"the file's own: {done.stdout}")


def test_iproute():
    with Machine() as m:
        m.remove("usr/sbin/ip")
        expect(m, "warning", "iproute2", ["not installed"], "apt-get install iproute2")


def test_the_file():
    """Its errors are those of --check, all of them; also what only the whole shows."""
    with Machine(INI.replace("mode = bridge", "mode = brigde") + "colour = red\n") as m:
        status, report = m.report()
        told = [f["text"] for f in report["findings"] if f["check"] == "file"]
        taptest.equal((status, len(told)), (1, 3), f"{told}")
        taptest.check(any(f"{m.ini}:7: [vnic web] mode: 'brigde'" in t for t in told), told)
    mac = "mac = 02:00:00:00:00:01\n"
    with Machine(INI.replace("mode = bridge\n", "mode = bridge\n" + mac)) as m:
        if not forwarder.is_built():
            raise taptest.Skip(f"{forwarder.binary()} is not built")
        expect(m, "error", "file", ["[vnic db] mac", "EADDRINUSE"], None)
    with Machine() as m:
        os.unlink(m.ini)
        done = m.run()
        taptest.check(done.returncode == 1 and m.ini in done.stdout, done)


def test_rights():
    """The least that each endpoint needs, as measured (docs/operations.md)."""
    for device, endpoint, wanted in (
            ("net_ring0", "none", "no capability: any user may run it"),
            ("net_null0", "tap:x0", "CAP_NET_ADMIN"),
            ("net_null0", "tap:x0,netns=web", "CAP_NET_ADMIN CAP_SYS_ADMIN"),
            ("net_af_packet0,iface=up0", "none", "CAP_NET_ADMIN CAP_NET_RAW")):
        ini = (f"[port p]\ndevice = {device}\n[vnic v]\ntype = macvlan\nport = p\n"
               f"endpoint = {endpoint}\n")
        with Machine(ini) as m:
            m.put("sys/class/net/up0/flags", "0x1003\n")
            _, report = m.report()
            text = next(f["text"] for f in report["findings"] if f["check"] == "rights")
            taptest.check(text.endswith("needs " + wanted),
                          f"{endpoint}: {text}")


def test_without_a_file():
    """This very machine: no daemon, no privilege, no error."""
    done = call("doctor")
    taptest.check(done.returncode == 0 and "hugepages" in done.stdout, done)
    done = call("-j", "-p", "doctor")
    taptest.equal(json.loads(done.stdout)["errors"], 0, "errors")


def test_strange_files():
    """Whatever stands in the kernel's files: an answer, and no crash."""
    files = (f"{HUGE}/nr_hugepages", f"{HUGE}/free_hugepages", "proc/mounts", "proc/meminfo",
             "proc/net/route", "proc/sys/fs/nr_open", "sys/devices/system/cpu/online",
             "sys/devices/system/cpu/isolated", "sys/devices/system/node/node0/cpulist",
             f"{PCI}/numa_node")
    for content in (b"", b"\n", b"\0" * 5000, b"-1\n", b"9" * 400, b"x " * 3000, b"\xff\xfe\n",
                    b"0-99999999999,5-1,,", b"x y hugetlbfs pagesize=" + b"9" * 300):
        with Machine() as m:
            for path in files:
                m.put(path, content)
            m.link(f"{PCI}/driver", "/" * 200)
            done = m.run("-j")
            taptest.check(done.returncode in (0, 1), f"{content[:20]}: {done}")
            json.loads(done.stdout)


def test_usage():
    for words in (("-x",), ("-c",), ("file.ini",), ("--", "-l", "0-x")):
        done = call("doctor", *words)
        taptest.equal((done.returncode, done.stdout), (2, ""), f"{words}")
        taptest.check("doctor help" in done.stderr, done.stderr)
    taptest.check("[-c FILE]" in call("doctor", "help").stdout, "help")


if __name__ == "__main__":
    if not os.access(forwarder.vnicctl(), os.X_OK):
        print(f"1..0 # SKIP {forwarder.vnicctl()} is not built")
        sys.exit(0)
    taptest.main()
