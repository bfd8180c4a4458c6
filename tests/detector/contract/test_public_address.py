"""Contacts that nobody could reach are told by their host."""

import pytest

from detector.contract.public_address import is_public


@pytest.mark.parametrize(
    "url",
    [
        "https://redress.carrier.com/",
        "https://redress.carrier.example/blocked?by=us",
        "https://9.9.9.9/",
        "https://[2620:fe::fe]/",
        "https://REDRESS.Carrier.COM.:8443/",
    ],
)
def test_a_public_name_or_address_passes(url: str) -> None:
    assert is_public(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://redress.invalid/", "https://x", "https://localhost/", "https://localhost.:443/", "https://a.localhost/",
        "https://redress.example.com", "https://example.org/redress", "https://redress.test/", "https://pbx.local/",
        "https://127.0.0.1/", "https://10.1.2.3/", "https://192.168.0.7:8443/", "https://[::1]/", "https://[fe80::1]/",
        "https://169.254.169.254/", "https://0.0.0.0/", "https:///path", "https://[::1", "",
    ],
)  # fmt: skip
def test_what_nobody_outside_reaches_does_not(url: str) -> None:
    assert not is_public(url)
