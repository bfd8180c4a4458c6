"""How often somebody may try."""

import pytest

from streams.console import attempts as module
from streams.console.attempts import Attempts, site_of
from tests.streams.manual_seconds import ManualSeconds


def test_tries_beyond_the_bound_are_refused_until_the_first_is_old() -> None:
    """A refused one does not count: who waits gets in."""
    clock = ManualSeconds()
    attempts = Attempts(2, 60, clock)

    assert [attempts.may("ada") for _ in range(3)] == [True, True, False]
    assert attempts.may("bob")
    clock.advance(59)
    assert not attempts.may("ada")
    clock.advance(1)
    assert [attempts.may("ada") for _ in range(3)] == [True, True, False]


def test_whoever_was_right_begins_anew() -> None:
    """A person who mistypes now and then is never locked out."""
    attempts = Attempts(1, 60, ManualSeconds())
    assert attempts.may("ada")

    attempts.forget("ada")

    assert attempts.may("ada")


def test_strangers_with_many_names_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name that was tried the longest ago is forgotten."""
    monkeypatch.setattr(module, "MOST_KEYS", 10)
    attempts = Attempts(1, 60, ManualSeconds())

    for number in range(100):
        attempts.may(str(number))

    assert len(attempts._tries) == 10
    assert not attempts.may("99")
    assert attempts.may("1")


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2:3:4", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("nonsense", "nonsense", True),
    ],
)
def test_addresses_of_one_site_are_one(one: str, other: str, are_same: bool) -> None:
    """Whoever has an IPv6 network has 2^64 addresses of it."""
    assert (site_of(one) == site_of(other)) is are_same
