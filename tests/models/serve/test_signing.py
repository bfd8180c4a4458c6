"""Signatures: what was signed with either key is taken, everything else is refused with what to do."""

import pytest

from models.serve.signing import SIGNATURE_BYTES, UNSIGNED, Signing

OLD, NEW = Signing(b"the key of last year"), Signing(b"the key of this year")
ROTATING = Signing(b"the key of this year", b"the key of last year")


@pytest.mark.parametrize("signer", [OLD, NEW])
def test_while_a_key_is_replaced_both_are_taken(signer: Signing) -> None:
    signature = signer.sign("model", b"content")

    assert signature is not None
    assert len(signature) == SIGNATURE_BYTES
    assert ROTATING.problem("model", b"content", signature) is None


@pytest.mark.parametrize(
    ("kind", "content", "signer"), [("model", b"other", NEW), ("snapshot", b"content", NEW), ("model", b"content", OLD)]
)
def test_nothing_else_is_taken(kind: str, content: bytes, signer: Signing) -> None:
    """Changed content, a signature of another kind of thing, another key."""
    problem = NEW.problem("model", b"content", signer.sign(kind, content))

    assert problem is not None
    assert "ROBOCALL_SIGNING_KEY" in problem


def test_without_a_key_nothing_is_signed_or_refused() -> None:
    assert UNSIGNED.sign("model", b"content") is None
    assert UNSIGNED.problem("model", b"content", None) is None
    assert UNSIGNED.problem("model", b"content", b"junk") is None


def test_no_key_is_shown() -> None:
    assert "year" not in repr(ROTATING)
