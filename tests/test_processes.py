"""What tests need of the machine: people may do without it, CI may not."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, needs

FILES = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "tests" / "integration" / "console").glob("test_*.py")
    if "opened(" in path.read_text(encoding="utf-8")
)
"""Tests that open a page."""


def outcome(monkeypatch: pytest.MonkeyPatch, ci: str) -> str:
    """What a test does that needs a program which nobody has."""
    monkeypatch.setenv("CI", ci)
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match="apt-get install the-package") as raised:
        needs("the-package", "no-such-program")
    return raised.typename


def test_what_is_missing_is_a_failure_in_ci_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way it says how to get it."""
    assert [outcome(monkeypatch, ci) for ci in ("", "true")] == ["Skipped", "Failed"]


def test_ci_does_not_pass_without_a_browser(tmp_path: Path) -> None:
    """All tests that open a page are tried where no program is found: each fails, before it starts a broker."""
    hidden = os.environ | {"CI": "true", "PATH": str(tmp_path)}
    arguments = ["-q", "-n", "0", "-p", "no:cacheprovider", "-m", "slow", *FILES]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=hidden, capture_output=True, text=True, check=False
    )
    last = done.stdout.splitlines()[-1]

    assert "chromium is not installed, and CI must not pass without it" in done.stdout
    assert re.search(r"\d+ errors", last), done.stdout[-3_000:]
    assert not re.search("passed|failed|skipped", last), done.stdout[-3_000:]
