# SPDX-License-Identifier: BSD-3-Clause
"""tests/data/ipvlan-cases.tsv as values: frames, who gets them, and how they look there.

What is judged is a list of Copy: what came out where. Stations are the cases' own letters, of
which A, B and C are vnics, W the wire, H the lower device's stack, O another device of the host.
"""

import collections
import os
import re
import struct

import frames
import packets

DIFFERENCES = os.path.join(packets.DATA, "..", "parity", "ipvlan-differences.tsv")
VNICS = "ABC"
STACKS = "ABCH"
# Sockets listen here; what other ports accept is not asked.
PORT = 7777

# A frame at a station. letter: H, B, M or O, the packet type that the station's stack saw.
Copy = collections.namedtuple("Copy", "station letter data")

# A frame of a scenario, of which it is asked who gets it.
Probe = collections.namedtuple("Probe", "id ingress frame")


class Row:
    """A case that is one frame."""

    def __init__(self, case, data, on_forwarder=False):
        self.id = case["id"]
        self.on_forwarder = on_forwarder
        self.mode, self.flags = case["mode"], case["flags"]
        self.setup = case["setup"]
        self.ingress = case["ingress"]
        self.text = packets.description(case)
        self.frame = data
        self.expected = _deliveries(case["expected deliveries"])
        self.changes = _changes(case["header changes"])
        self.has_group_filter = "{group filter}" in case["note"]
        self.accepted = _accepted(case, self)

    def in_stack_only(self):
        """The kernel's l3s hands IP to the vnics' sockets; their devices see nothing, the host's
        all."""
        return (not self.on_forwarder and self.mode == "l3s" and self.ingress == "W"
                and "/udp(" in self.text)

    def options(self):
        """What is special about the setup."""
        return self.setup.split("+")[1:]

    def down(self):
        return {"B"} if "Bdown" in self.options() else set()


def _deliveries(text):
    """ "A,W*2" as a Counter; "W (generated reply)" is no copy."""
    found = collections.Counter()
    for word in text.split(","):
        name, _, n = word.strip().partition("*")
        if name != "none" and "(generated" not in name:
            found[name] += int(n or 1)
    return found


def _changes(text):
    """ "W.eth.dst=R W.fragmented" as {"W": {"eth.dst": "R", "fragmented": ""}}."""
    found = {}
    for word in text.split():
        if word != "-":
            key, _, value = word.partition("=")
            station, _, field = key.partition(".")
            found.setdefault(station, {})[field] = value
    return found


def _accepted(case, row):
    """The stacks whose sockets get the datagram; None: the frame is none for sockets."""
    if not re.search(rf"^eth\([^)]*\)(/vlan\([^)]*\))?/ip.\([^)]*\)/udp\(\d+,{PORT}\b", row.text):
        return None
    told = re.search(r"\{accepted by endpoint stack: ([^}]*)\}", case["note"])
    return set(_deliveries(told[1])) if told else set(row.expected) & set(STACKS)


def differences():
    """What is expected of the forwarder instead: {ID: line of ipvlan-differences.tsv}."""
    return {d["row"]: d for d in packets.rows(DIFFERENCES)}


def frame_rows(series="012345", on_forwarder=False):
    """The rows of these hundreds that are a frame, in groups that share mode, flags, setup."""
    groups = collections.OrderedDict()
    ours = differences() if on_forwarder else {}
    for case, data in packets.frame_rows():
        if case["id"][3] in series and case["packet description"].startswith("eth("):
            if case["id"] in ours:
                case["expected deliveries"] = ours[case["id"]]["expected here"]
                case["header changes"] = ours[case["id"]]["changes here"]
            row = Row(case, data, on_forwarder)
            groups.setdefault((row.mode, row.flags, row.setup), []).append(row)
    return groups


def names(stations):
    """ "A,W*2" of stations, or of how many each."""
    counts = collections.Counter(stations)
    return ",".join(s + (f"*{n}" if n > 1 else "") for s, n in sorted(counts.items())) or "none"


def wanted_text(case, release):
    """What a scenario has to come to on the kernel @release; the note tells where one differs."""
    differs = re.search(r"\[differs on (\S+)\] \1 differs \([^)]*\): (.*?)\. ", case["note"])
    if differs and release.startswith(differs[1] + "."):
        return differs[2]
    return case["expected deliveries"]


# ---- frames again

def untagged(data):
    """(the frame without its VLAN tag, the tag or b"")."""
    if data[12:14] == b"\x81\0":
        return data[:12] + data[16:], data[12:16]
    return data, b""


def is_like(sent, got, label):
    """Is @got a copy of @sent, perhaps with other MACs, mended or in fragments? What stacks say
    about it is not, also where it is quoted."""
    sent, got = untagged(sent)[0], untagged(got)[0]
    if sent[12:14] != got[12:14]:
        return False
    if sent[12:14] == b"\x08\0" and len(sent) >= 34 and len(got) >= 34:
        return (sent[26:34] == got[26:34] and sent[23] == got[23]
                and (sent[34:] == got[34:] or label.encode() in got))
    if sent[12:14] == b"\x86\xdd":
        return sent[14:21] == got[14:21] and sent[22:] == got[22:]  # but for the hop limit
    return sent[14:] == got[14:]


def _with_ip_length(data, length):
    """An untagged IPv4 frame with another total length, and the checksum of that."""
    head = data[:16] + struct.pack("!H", length) + data[18:24] + b"\0\0" + data[26:]
    end = 14 + (head[14] & 15) * 4
    return head[:24] + struct.pack("!H", frames.checksum(head[14:end])) + head[26:]


def as_seen(row, station):
    """The frame as it has to be at @station."""
    data = row.frame
    changes = row.changes.get(station, {})
    if "eth.dst" in changes:
        data = packets.address(changes["eth.dst"]) + data[6:]
    if "eth.src" in changes:
        data = data[:6] + packets.address(changes["eth.src"]) + data[12:]
    if "vlan" in changes:
        data = untagged(data)[0]
    if "ip6.hl" in changes:
        data = data[:21] + bytes([int(changes["ip6.hl"])]) + data[22:]
    if "ip.len" in changes:
        data = _with_ip_length(data, int(changes["ip.len"]))
    return data


def _reassembled(parts):
    """The IPv4 packet, without Ethernet header, that fragments are of; a reason if they aren't."""
    parts = sorted(parts, key=lambda d: struct.unpack_from("!H", d, 20)[0] & 0x1fff)
    payload = b""
    for i, data in enumerate(parts):
        field = struct.unpack_from("!H", data, 20)[0]
        length = struct.unpack_from("!H", data, 16)[0]
        if (field & 0x1fff) * 8 != len(payload):
            return f"a fragment at {(field & 0x1fff) * 8} behind {len(payload)} bytes"
        if bool(field & 0x2000) != (i < len(parts) - 1):
            return f"fragment {i} of {len(parts)}: flags {field:#x}"
        if frames.checksum(data[14:34]) or length != len(data) - 14 or length > 1500:
            return f"fragment {i}: checksum, or length {length} of {len(data)} bytes"
        payload += data[34:]
    return payload


def _wrong_copies(row, station, copies):
    """What is wrong about the copies that @station has."""
    wanted = as_seen(row, station)
    changes = row.changes.get(station, {})
    if "fragmented" in changes:
        whole = _reassembled([c.data for c in copies])
        if whole != wanted[34:]:
            yield f"{station}: {whole if isinstance(whole, str) else 'fragments of something else'}"
        copies = [c._replace(data=wanted[:14] + c.data[14:]) for c in copies
                  if c.data[:14] != wanted[:14]]
        if copies:
            yield f"{station}: Ethernet header of a fragment"
        return
    for copy in copies:
        if copy.data != wanted:
            yield f"{station}: wanted {wanted.hex()}, got {copy.data.hex()}"
        is_other = copy.letter == "O"
        if station in STACKS and is_other != (changes.get("pkttype") == "otherhost"):
            yield f"{station}: packet type {copy.letter}"


def wrong(row, copies, accepted):
    """What is wrong with a row's result, as lines; none: it is right."""
    copies = [c for c in copies if not (row.in_stack_only() and c.station == "H")]
    got = collections.Counter(c.station for c in copies)
    wanted = row.expected
    if row.in_stack_only():
        wanted = collections.Counter()
        if set(accepted) != set(row.expected):
            yield f"wanted {names(row.expected)}, got {names(accepted)} by their sockets"
    elif row.has_group_filter:
        # The filter is a hash: others may pass.
        leaks = {s: 1 for s in VNICS if got[s] == 1 and not wanted[s]
                 and s not in row.down() | {row.ingress}}
        got.subtract(leaks)
        got = +got
        wanted = +wanted
    if got != wanted:
        yield f"wanted {names(wanted)}, got {names(got)}"
    for station in wanted & got:
        yield from _wrong_copies(row, station, [c for c in copies if c.station == station])
    if row.accepted is not None and set(accepted) != row.accepted:
        yield f"sockets: wanted {names(row.accepted)}, got {names(accepted)}"
