"""Who may ask: one YAML file of peers, with the trunk group, the switch and the profile of each.

```yaml
peers:
  - name: chicago-1
    addresses: [192.0.2.10, 198.51.100.0/28]
    profile: clearip
    trunk_group_id: tg-chi
    switch_id: sbc-chi-1
```
"""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator

from detector.contract.errors import RobocallError
from detector.contract.events import TEXT_LIMIT, Role
from streams.yaml_files import read_yaml

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MOST_BYTES = 4 * 1024 * 1024
CACHED = 4_096


def _network(value: object) -> Network:
    """Read one, whose complaint a person understands."""
    if not isinstance(value, str):
        raise ValueError("an address or a network is wanted, 192.0.2.10 or 198.51.100.0/28")  # noqa: TRY004 - pydantic's
    return ipaddress.ip_network(value)


class PeersInvalid(RobocallError):
    """The peers file cannot be read, or says what makes no sense."""


class Profile(StrEnum):
    """By which answers a peer tells what to do with a call."""

    CLEARIP = "clearip"
    RIBBON = "ribbon"
    REDIRECT = "redirect"


class LabelHeader(StrEnum):
    """The header that a label goes into."""

    P_ASSERTED_IDENTITY = "p-asserted-identity"
    CALL_INFO = "call-info"
    NONE = "none"


class Peer(BaseModel):
    """A switch that asks, or several that are treated alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=TEXT_LIMIT)
    addresses: tuple[Annotated[Network, PlainValidator(_network)], ...] = ()
    """That it asks from by SIP, or over HTTP with a certificate."""
    token_sha256: tuple[Annotated[str, Field(pattern="^[0-9a-f]{64}$")], ...] = ()
    """SHA-256 of the tokens that it asks with over HTTP, hex digits: the file holds no secret."""
    profile: Profile = Profile.CLEARIP
    """Of SIP; must be named where there are addresses."""
    trunk_group_id: str = Field(min_length=1, max_length=TEXT_LIMIT)
    """Of calls whose INVITE names none."""
    switch_id: str | None = Field(None, min_length=1, max_length=TEXT_LIMIT)
    """Without one: the name."""
    reads_trunk_group: bool | None = None
    """Whether the trunk group that a call names is believed: of an INVITE (tgrp, otg) where this is true, since callers
    write these too; of a request over HTTP unless it is false, since the routing script of the peer writes it."""
    asserts_identity: bool = True
    """Whether P-Asserted-Identity is believed (RFC 3325)."""
    verifies: bool = False
    """Whether the peer verifies signatures itself, and removes the verstat that strangers wrote."""
    label_header: LabelHeader = LabelHeader.P_ASSERTED_IDENTITY
    upstream_ocn: str | None = Field(None, max_length=TEXT_LIMIT)
    role: Role | None = None
    deadline_ms: int | None = Field(None, ge=5, le=10_000)

    @model_validator(mode="after")
    def _complete(self) -> "Peer":
        if not self.addresses and not self.token_sha256:
            raise ValueError("give it addresses, or a token_sha256")
        if self.addresses and "profile" not in self.model_fields_set:
            raise ValueError(f"name its profile, one of {', '.join(Profile)}")
        return self

    @property
    def switch(self) -> str:
        """Switch id of its calls."""
        return self.switch_id or self.name


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    peers: tuple[Peer, ...] = Field(min_length=1)


class Peers:
    """Finds the peer of an address; of several the one with the smallest network.

    Args:
        peers: no network twice, no name twice.
    """

    def __init__(self, peers: Sequence[Peer]) -> None:
        self.all = tuple(peers)
        self.tokens = tuple((digest, peer) for peer in peers for digest in peer.token_sha256)
        found: dict[tuple[int, int], dict[int, Peer]] = {}
        for peer in peers:
            for network in peer.addresses:
                bits = network.max_prefixlen - network.prefixlen
                found.setdefault((network.version, bits), {})[int(network.network_address) >> bits] = peer
        self._networks = sorted(found.items())
        """Version and bits that differ within a network, the smallest first; peers by the bits before them."""
        self.find = lru_cache(CACHED)(self._find)

    def _find(self, address: str) -> Peer | None:
        """The peer of an address, None of a stranger's; an IPv4 address within IPv6 is the IPv4 one."""
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return None
        ip = getattr(found, "ipv4_mapped", None) or found
        known = (peers.get(int(ip) >> bits) for (version, bits), peers in self._networks if version == ip.version)
        return next(filter(None, known), None)


def load_peers(path: Path) -> Peers:
    """Read a peers file. It blocks for the disk.

    Raises:
        PeersInvalid: one line, with the place and what is wrong there.
    """
    found = read_yaml(path, MOST_BYTES, PeersInvalid, "write one (docs/bridge.md), or set ROBOCALL_BRIDGE_PEERS_FILE")
    try:
        peers = _File.model_validate(found).peers
    except ValidationError as error:
        raise PeersInvalid(f"{path}: {'; '.join(_complaints(error, found))}") from error
    _require_distinct(path, peers)
    return Peers(peers)


def _require_distinct(path: Path, peers: Sequence[Peer]) -> None:
    """Refuse two peers of one name, and one network that is two peers'."""
    names = Counter(peer.name for peer in peers)
    networks = Counter(str(network) for peer in peers for network in set(peer.addresses))
    twice = [*(f"the name {name}" for name, count in names.items() if count > 1)]
    twice += [f"the address {network}" for network, count in networks.items() if count > 1]
    tokens = Counter(digest for peer in peers for digest in set(peer.token_sha256))
    twice += [f"the token {digest[:8]}..." for digest, count in tokens.items() if count > 1]
    if twice:
        raise PeersInvalid(f"{path}: {twice[0]} stands at two peers")


def _complaints(error: ValidationError, found: Any) -> list[str]:
    """One for each wrong value, by the name of its peer where it has one."""
    lines = []
    items = error.errors(include_url=False, include_input=False)
    for item in items:
        if item["type"] == "too_short" and len(items) > 1:  # pydantic counts the right ones: it is no fault of its own
            continue
        place = [str(part) for part in item["loc"]]
        if len(place) > 1 and place[0] == "peers":
            peer = found["peers"][int(place[1])]
            name = peer.get("name") if isinstance(peer, dict) else None
            place = [f"peer {name or int(place[1]) + 1}", *place[2:3]]
        lines.append(f"{': '.join(place) or 'the file'}: {item['msg'].removeprefix('Value error, ')}")
    return list(dict.fromkeys(lines))
