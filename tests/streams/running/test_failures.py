"""Internal errors: counted each time, logged once, and never with what a record says."""

import json

import structlog.testing

from streams.running.failures import Failures

NUMBER = "+12025550123"


def _raise_with_number() -> None:
    raise ValueError(f"cannot handle {NUMBER}")


def test_an_internal_error_is_counted_each_time_and_logged_once() -> None:
    """And its message, which may quote a phone number, is not written."""
    counted: list[str] = []
    failures = Failures(counted.append)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            try:
                _raise_with_number()
            except ValueError as error:
                failures(error)

    assert counted == ["ValueError"] * 3
    assert len(lines) == 1
    assert NUMBER not in json.dumps(lines)
    assert lines[0]["cause"] == "ValueError"
