"""Which addresses are asked: public ones alone, all of a name or none, and a lab's own where somebody said so."""

from ipaddress import ip_address

import pytest

from detector.trust.verdict import Cause, Refused
from streams.trust.resolving import Resolver, is_public, system_lookup


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_anybody_may_be_asked_there(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254",
     "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1",
     "239.1.1.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%lo", "fc00::1", "fd12::1", "ff02::1",
     "2001:db8::1", "2001::1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "::127.0.0.1", "fec0::1"],
)  # fmt: skip
def test_nobody_may_be_asked_there(text: str) -> None:
    """The special addresses of RFC 6890, and IPv6 addresses that mean one of them."""
    assert not is_public(ip_address(text))


def test_a_name_with_one_private_address_is_refused_whole() -> None:
    """Else the private one might be the one that is connected to."""
    with pytest.raises(Refused) as refusal:
        Resolver((), lambda _host, _port: ["8.8.8.8", "10.0.0.1"]).addresses("a.example.org", 443)
    assert refusal.value.cause is Cause.INFO_INVALID


def test_networks_of_a_lab_are_let_through() -> None:
    """These and no other."""
    resolver = Resolver(("10.1.0.0/16", "fd00::/8"), lambda host, _port: [host])

    assert [str(one) for one in resolver.addresses("10.1.2.3", 443)] == ["10.1.2.3"]
    assert resolver.addresses("fd00::1", 443)
    with pytest.raises(Refused):
        resolver.addresses("10.2.0.1", 443)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1", "::1"])
def test_odd_writings_of_loopback_are_seen_through(host: str) -> None:
    """The system's resolver reads them as numbers, and what it read is judged."""
    with pytest.raises(Refused) as refusal:
        Resolver((), system_lookup).addresses(host, 443)
    assert refusal.value.cause is Cause.INFO_INVALID


@pytest.mark.parametrize("found", [[], ["no address"]])
def test_a_name_without_addresses_is_unavailable(found: list[str]) -> None:
    with pytest.raises(Refused) as refusal:
        Resolver((), lambda _host, _port: found).addresses("a.example.org", 443)
    assert refusal.value.cause is Cause.CERTIFICATE_UNAVAILABLE


@pytest.mark.parametrize("host", ["a" * 64 + ".invalid", ".", "a..b"])
def test_a_name_that_is_none_is_unavailable(host: str) -> None:
    """The system raises errors of several kinds for these, without asking anybody."""
    with pytest.raises(Refused) as refusal:
        Resolver().addresses(host, 443)
    assert refusal.value.cause is Cause.CERTIFICATE_UNAVAILABLE
