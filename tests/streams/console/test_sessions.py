"""Sessions end by themselves, by hand, and where there are too many; whole numbers are shown for a while."""

import pytest

from streams.console import sessions as module
from streams.console.roles import Role, User
from streams.console.sessions import UNMASKED_S, Sessions
from tests.streams.manual_seconds import ManualSeconds


def test_a_session_is_found_until_its_time_is_over() -> None:
    """However busy it is."""
    clock = ManualSeconds()
    sessions = Sessions(60, clock)
    token = sessions.open("ada", "digest")

    clock.advance(59)
    session = sessions.find(token)
    assert session is not None
    assert session.name == "ada"
    clock.advance(1)
    assert sessions.find(token) is None


def test_tokens_are_long_and_none_is_another() -> None:
    """43 characters are 256 bits."""
    sessions = Sessions(60, ManualSeconds())
    tokens = {sessions.open("ada", "digest") for _ in range(5)}

    assert {len(token) for token in tokens} == {43}
    assert len(tokens) == 5


def test_whoever_signs_out_is_out_and_a_made_up_token_is_nobodys() -> None:
    """Other sessions of the same user stay."""
    sessions = Sessions(60, ManualSeconds())
    one, other = sessions.open("ada", "digest"), sessions.open("ada", "digest")

    sessions.close(one)

    assert sessions.find(one) is None
    assert sessions.find(other) is not None
    assert sessions.find("") is None
    assert sessions.find("\udcff") is None


def test_of_too_many_sessions_the_oldest_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one user first: nobody signs others out."""
    monkeypatch.setattr(module, "MOST_OF_A_USER", 2)
    monkeypatch.setattr(module, "MOST_SESSIONS", 3)
    sessions = Sessions(60, ManualSeconds())
    bob = sessions.open("bob", "digest")
    adas = [sessions.open("ada", "digest") for _ in range(4)]

    assert [sessions.find(token) is not None for token in (bob, *adas)] == [True, False, False, True, True]

    eve = sessions.open("eve", "digest")
    assert [sessions.find(token) is not None for token in (bob, *adas[2:], eve)] == [False, True, True, True]


def test_a_form_is_ours_by_its_token() -> None:
    """Each session has its own."""
    sessions = Sessions(60, ManualSeconds())
    one, other = sessions.find(sessions.open("ada", "d")), sessions.find(sessions.open("ada", "d"))
    assert one is not None
    assert other is not None

    assert one.has_csrf(one.csrf)
    assert not one.has_csrf(other.csrf)
    assert not one.has_csrf("")
    assert not one.has_csrf("\udcff")


def test_whole_numbers_are_shown_for_a_while_and_of_one_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many subjects the oldest is masked again."""
    monkeypatch.setattr(module, "MOST_UNMASKED", 2)
    sessions = Sessions(60, ManualSeconds())
    session = sessions.find(sessions.open("ada", "d"))
    assert session is not None

    session.unmask("a", 0.0)
    assert session.is_unmasked("a", UNMASKED_S - 1)
    assert not session.is_unmasked("a", UNMASKED_S)
    assert not session.is_unmasked("b", 0.0)

    session.unmask("b", 1.0)
    session.unmask("c", 1.0)
    assert [session.is_unmasked(name, 1.0) for name in "abc"] == [False, True, True]


def test_whom_a_provider_named_stays_as_long_as_anybody_and_no_longer() -> None:
    """The role is that of the sign-in."""
    clock = ManualSeconds()
    sessions = Sessions(60, clock)
    ada = User("ada", Role.OPERATOR)

    token = sessions.open_provided(ada)

    found = sessions.find(token)
    assert found is not None
    assert (found.name, found.provided) == ("ada", ada)
    clock.advance(59)
    assert sessions.find(token) is found
    clock.advance(2)
    assert sessions.find(token) is None
