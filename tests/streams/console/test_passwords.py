"""Digests of passwords: the right one fits, no other, and what somebody wrote into the file fits nothing."""

import pytest

from streams.console.passwords import NOBODYS, hash_password, is_password


def test_the_right_password_fits_and_no_other() -> None:
    """Each digest has a salt of its own."""
    one, other = hash_password("correct horse"), hash_password("correct horse")

    assert one != other
    assert is_password("correct horse", one)
    assert is_password("correct horse", other)
    assert not is_password("correct horsf", one)
    assert "horse" not in one


@pytest.mark.parametrize("kept", ["", "scrypt", "md5$32768$8$3$AAAA$AAAA", "scrypt$3$8$3$AAAA$AAAA", NOBODYS])
def test_what_is_no_digest_fits_nothing(kept: str) -> None:
    """It raises nothing either; the digest of nobody is tried for names that are unknown."""
    assert not is_password("", kept)
    assert not is_password("correct horse", kept)
