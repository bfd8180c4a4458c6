"""Sealed files: what was closed is opened again, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.serve.signing import Signing
from models.store.sealed import LINE_BYTES, Seal, SealBroken

THIS_YEAR, LAST_YEAR = b"the key of this year", b"the key of last year"
PLAIN = Seal(b"robocall things 1 ", "things")
SIGNED = Seal(b"robocall things 1 ", "things", Signing(THIS_YEAR, LAST_YEAR))


@given(content=st.binary(max_size=60))
def test_what_was_closed_is_opened_again(content: bytes) -> None:
    for seal in (PLAIN, SIGNED):
        file = seal.close("a", content)
        assert seal.open("a", file) == content
        assert len(file) - len(content) <= LINE_BYTES


def test_a_changed_byte_anywhere_is_refused() -> None:
    """As is a file that is cut short, empty, longer, or of something else."""
    file = SIGNED.close("a", b"what is in it\nand more\n")
    changed = [file[:place] + bytes([file[place] ^ 1]) + file[place + 1 :] for place in range(len(file))]
    for content in (*changed, file[:-1], b"", b"\n", b"robocall things 1 ", file + b"x"):
        with pytest.raises(SealBroken):
            SIGNED.open("a", content)
    with pytest.raises(SealBroken, match="it is damaged, or of another version"):
        Seal(b"robocall things 2 ", "things").open("a", file)


def test_with_a_key_only_what_it_or_the_other_one_signed_is_opened() -> None:
    """Under the name that it was signed with, and as the kind of thing that it is."""
    assert SIGNED.open("a", Seal(PLAIN.magic, "things", Signing(LAST_YEAR)).close("a", b"x")) == b"x"
    assert PLAIN.open("a", SIGNED.close("a", b"x")) == b"x"
    with pytest.raises(SealBroken, match="it is not signed, and ROBOCALL_SIGNING_KEY is set"):
        SIGNED.open("a", PLAIN.close("a", b"x"))
    for file in (
        SIGNED.close("b", b"x"),
        Seal(PLAIN.magic, "others", Signing(THIS_YEAR)).close("a", b"x"),
        Seal(PLAIN.magic, "things", Signing(b"somebody else's key")).close("a", b"x"),
    ):
        with pytest.raises(SealBroken, match="signed with another key"):
            SIGNED.open("a", file)
