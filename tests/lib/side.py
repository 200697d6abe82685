# SPDX-License-Identifier: BSD-3-Clause
"""One of the two that are compared: the kernel's macvlan, or the forwarder.

Both stand in three namespaces of the same plan: `out` has the far end of the wire (w0, behind
a reflecting bridge if the topology asks for it), `host` the netdev of the lower's own stack, `in`
a netdev for each vnic, named as the vnic. What differs is only how a subclass makes them.
"""

import contextlib

import capture
import frames
import netns
import taptest


class Side:
    """Subclasses: _make(), _unmake(), set_…() and counters()."""

    label = None        # in names and results
    host_device = None

    def __init__(self):
        self.out = self.host = self.inside = None
        self.topology = None
        self.stations = {}
        self._probes = 0

    # ---- life

    def __enter__(self):
        self.out, self.host, self.inside = (
            netns.Namespace(f"{self.label[0]}-{n}") for n in ("out", "host", "in"))
        return self

    def __exit__(self, *_):
        for ns in (self.out, self.host, self.inside):
            ns.delete()

    @contextlib.contextmanager
    def built(self, topology):
        """The block runs with @topology in place and everything in it settled."""
        self.topology = topology
        try:
            self._make(topology)
            self._attach(topology)
            yield self
        finally:
            for station in self.stations.values():
                station.close()
            self.stations = {}
            if topology.hairpin:
                self.out.ip("link del br0", check=False)
            self._unmake()

    def _attach(self, topology):
        if topology.hairpin:
            self._add_bridge()
        self.stations = {"wire": capture.Station("wire", self.out, "w0"),
                         "host": capture.Station("host", self.host, self.host_device, stack=True)}
        for v in topology.vnics.values():
            self.stations[v.name] = capture.Station(v.name, self.inside, v.name)
        self._set_owners(topology)
        self._await_carrier(topology)
        self._await_groups(topology)

    def _add_bridge(self, hairpin=True):
        """A switch that floods all it gets, and reflects it if hairpin is on."""
        self.out.batch([
            "link add br0 type bridge mcast_snooping 0 ageing_time 0",
            "link set w0 master br0",
            f"link set w0 type bridge_slave hairpin {'on' if hairpin else 'off'} learning off",
            "link set br0 up"])

    def _set_owners(self, topology):
        """What the vnics' owners do with their netdevs."""
        for group in topology.lower_joins:
            self.stations["host"].join(frames.mac(group))
        for v in topology.vnics.values():
            for group in v.joins:
                self.stations[v.name].join(frames.mac(group))
            if v.promisc:
                self.inside.ip(f"link set {v.name} promisc on")
            if v.allmulti:
                self.inside.ip(f"link set {v.name} allmulticast on")

    def _await_carrier(self, topology):
        if topology.has_link():
            # A netdev without carrier throws away what is sent on it: also the wire's own.
            self.await_carrier("wire", True)
            self.await_carrier("host", True)
        for v in topology.vnics.values():
            if v.up:
                self.await_carrier(v.name, topology.has_link())

    def await_carrier(self, name, wanted):
        taptest.eventually(lambda: self.stations[name].has_carrier() == wanted,
                           f"{self.label}: {name} carrier {'on' if wanted else 'off'}")

    # ---- frames

    def play(self):
        return capture.Play(self.stations)

    def probe(self, at, dst, receiver, limit=1.0):
        """Sends frames to @dst until @receiver has one; False: it never had."""
        play = self.play()
        play.QUIET = 0
        tries = max(1, int(limit / 0.02))
        for _ in range(tries):
            # Numbers from the top: they never meet those of the cases.
            self._probes += 1
            number = 0xffffffff - self._probes
            data = frames.build(number, dst, frames.mac("PR"), length=60)
            play.LIMIT = 0.02
            play.send([capture.Frame(number, at, data, "probe")], {number: {receiver: 1}})
            if any(play.receivers(n)[receiver] for n in list(play.seen)):
                self._flush(play)
                return True
        self._flush(play)
        return False

    @staticmethod
    def _flush(play):
        play.LIMIT, play.QUIET = 0.5, 0.03
        play.settle()
        play.close()

    def _await_groups(self, topology):
        """The kernel knows a join at once; a forwarder learns of it a moment later."""

    # ---- changes, the counters

    def _make(self, topology):
        raise NotImplementedError

    def _unmake(self):
        raise NotImplementedError

    def set_vnic(self, name, **changes):
        """Changes mode, mac, mtu, sources or flags of a running vnic; mends self.topology."""
        raise NotImplementedError

    def set_up(self, name, up):
        """The owner takes the netdev of a vnic up or down."""
        self.inside.ip(f"link set {name} {'up' if up else 'down'}")
        self.topology.vnics[name].up = up
        if up:
            self.await_carrier(name, self.topology.has_link())

    def set_wire(self, up):
        self.out.ip(f"link set w0 {'up' if up else 'down'}")
        self.topology.wire_up = up

    def counters(self, name):
        """iproute2's stats64 of a vnic, flat: {"rx_packets": 0, …}; "lower" is the port."""
        raise NotImplementedError
