"""Causes and what follows from them: each has a status, and a code that RFC 8224 knows, or none."""

import pytest

from detector.trust.verdict import CODES, NOTHING_TOLD, Cause, Refused, Verdict, Verstat, refused

WITHOUT_CODE = {Cause.PASSED, Cause.NOT_CHECKED, Cause.REVOCATION_UNKNOWN}


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_status_and_a_code(cause: Cause) -> None:
    """Nothing but `passed` passes, and what was never checked has not failed."""
    found = Verdict(cause=cause)

    assert (found.verstat is Verstat.PASSED) is (cause is Cause.PASSED)
    assert (found.verstat is Verstat.NONE) is (cause in NOTHING_TOLD)
    assert found.code in {None, 403, 428, 436, 437, 438}
    assert (found.code is None) is (cause in WITHOUT_CODE)


def test_certificates_are_unsupported_credentials() -> None:
    """437, unless there is none."""
    certificates = {cause for cause in Cause if cause.startswith("certificate_")}

    assert {CODES[cause] for cause in certificates - {Cause.CERTIFICATE_UNAVAILABLE}} == {437}


def test_a_refusal_is_a_verdict_that_tells_nothing_else() -> None:
    """Whatever the token claimed."""
    found = refused(Refused(Cause.STALE, "too old"))

    assert found == Verdict(cause=Cause.STALE, detail="too old")
