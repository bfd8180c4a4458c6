"""Addresses of certificates: which forms are refused before anybody asks for them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.trust.verdict import Cause, Refused
from detector.trust.x5u import require_x5u


@pytest.mark.parametrize(
    "url",
    ["https://a.example.org/b.pem", "https://a.example.org:443/b.pem", "HTTPS://A.EXAMPLE.ORG:8443/b/c.pem",
     "https://192.0.2.1/b.pem", "https://[2001:db8::1]/b.pem"],
)  # fmt: skip
def test_these_may_be_asked_for(url: str) -> None:
    """Whether an address is public is asked when its name is looked up."""
    require_x5u(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.pem",
        "http://a.example.org/b.pem",
        "ftp://a.example.org/b.pem",
        "file:///etc/passwd",
        "https:///b.pem",
        "https://a.example.org",
        "https://a.example.org/",
        "https://a.example.org:8080/b.pem",
        "https://a.example.org:99999/b.pem",
        "https://a.example.org:x/b.pem",
        "https://user@a.example.org/b.pem",
        "https://user:secret@a.example.org/b.pem",
        "https://a.example.org/b.pem?c=d",
        "https://a.example.org/b.pem#c",
        "https://a.example.org/b.pem;c",
        "https://a.example.org\\@b.example.org/c.pem",
        "https://[::1/b.pem",
        "https://a.example.org/b c.pem",
        "https://a.example.org/b\r\nHost: c",
        "https://\u0430.example.org/b.pem",
        "https://a.example.org/" + "b" * 2_048,
    ],
)
def test_these_are_refused(url: str) -> None:
    """Each breaks one rule."""
    with pytest.raises(Refused) as refusal:
        require_x5u(url)

    assert refusal.value.cause is Cause.INFO_INVALID


@given(st.text(max_size=80) | st.text(max_size=40).map(lambda text: f"https://{text}"))
def test_any_text_passes_or_is_refused(url: str) -> None:
    """Nothing else is raised."""
    try:
        require_x5u(url)
    except Refused:
        return
    assert url.lower().startswith("https://")


def test_addresses_of_real_calls(reference_data: Path) -> None:
    """Most are in order; what is refused is plain http, a port, a query or junk. None is fetched."""
    folder = reference_data / "x5u"
    if not folder.is_dir():
        pytest.skip(f"no addresses at {folder}")
    urls = {line.strip().strip('"') for path in folder.iterdir() for line in path.read_text().splitlines()}
    urls = {url for url in urls if "://" in url}
    refused = set()
    for url in urls:
        try:
            require_x5u(url)
        except Refused:
            refused.add(url)

    assert len(urls) > 8_000
    assert {url for url in urls if url.startswith("http://")} <= refused
    assert len(refused) < len(urls) / 50
