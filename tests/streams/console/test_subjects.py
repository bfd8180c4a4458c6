"""What somebody looks for, and links that say nothing of it."""

import secrets

import pytest

from streams.console.subjects import LONGEST, Kind, Links, Subject, read_subject

DECISION = "079175b34f033afdb501ed6d125ed37c"


@pytest.mark.parametrize(
    ("query", "kind", "text"),
    [
        ("+12025550123", Kind.NUMBER, "+12025550123"),
        (" (202) 555-0123 ", Kind.NUMBER, "+12025550123"),
        ("1-202-555-0123", Kind.NUMBER, "+12025550123"),
        ("number:2025550123", Kind.NUMBER, "+12025550123"),
        ("number:anonymous", Kind.NUMBER, "anonymous"),
        (DECISION, Kind.DECISION, DECISION),
        (DECISION.upper(), Kind.DECISION, DECISION),
        ("trunk:2025550123", Kind.TRUNK, "2025550123"),
        ("call:a:b", Kind.CALL, "a:b"),
        ("a84b4c76e66710@pc33.example.com", Kind.CALL, "a84b4c76e66710@pc33.example.com"),
        ("tg-chi", Kind.CALL, "tg-chi"),
        ("call:", Kind.CALL, "call:"),
        ("campaign:x", Kind.CAMPAIGN, "x"),
        ("c5d30a1f7b2", Kind.CAMPAIGN, "c5d30a1f7b2"),
        ("call:c5d30a1f7b2", Kind.CALL, "c5d30a1f7b2"),
        ("redress-20261128-91f0b7de33", Kind.CASE, "redress-20261128-91f0b7de33"),
        ("case:traceback-1", Kind.CASE, "traceback-1"),
    ],
)
def test_what_is_typed_is_taken_for_what_it_looks_like(query: str, kind: Kind, text: str) -> None:
    """A prefix makes it clear."""
    assert read_subject(query) == Subject(kind, text)


@pytest.mark.parametrize("query", ["", "  ", "x" * (LONGEST + 1)])
def test_nothing_and_too_much_are_no_subject(query: str) -> None:
    """The page says so."""
    assert read_subject(query) is None


def test_a_link_leads_back_and_does_not_show_the_number() -> None:
    """The same secret, the same link: it outlives a restart."""
    secret = secrets.token_bytes(64)
    subject = Subject(Kind.NUMBER, "+12025550123")

    link = Links(secret).link(subject)

    assert Links(secret).subject(link) == subject
    assert Links(secret).link(subject) == link
    assert "5550123" not in link
    assert Links(secret).subject(Links(secret).link(Subject(Kind.CALL, "\udcff: a/b"))) == Subject(
        Kind.CALL, "\udcff: a/b"
    )


@pytest.mark.parametrize("made", ["", "a", "====", "AAAA", "é", "x" * 10_000])
def test_a_link_that_we_did_not_make_leads_nowhere(made: str) -> None:
    """Nor does one with a changed character, or one of another secret."""
    links = Links(secrets.token_bytes(64))
    ours = links.link(Subject(Kind.TRUNK, "tg-1"))
    changed = ("A" if ours[0] != "A" else "B") + ours[1:]

    assert links.subject(made) is None
    assert links.subject(changed) is None
    assert Links(secrets.token_bytes(64)).subject(ours) is None
