"""What `robocall doctor` says of the lists of trust that are kept here."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams.trust import doctor
from streams.trust.doctor import OLDEST_S, kept_lists
from streams.trust.settings import DAY_S, TrustSettings
from streams.trust.verifier import make_verifying
from tests.detector.trust.authority import AT_S, indirect_list
from tests.streams.trust.signed_calls import live_root, trust_settings, trusting


def test_nothing_is_said_where_no_authorities_are_named() -> None:
    """Nobody verifies."""
    assert list(kept_lists(TrustSettings.load())) == []


def test_a_list_is_told_with_its_age_and_an_old_one_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched: what is there was kept by whoever verifies."""
    settings = trust_settings(tmp_path)
    ((is_well, said),) = kept_lists(settings)
    assert (is_well, said.split(",")[0]) == (False, f"anchors: none is kept at {tmp_path / 'state'}")

    assert asyncio.run(make_verifying(settings).lists.renew()) == []
    assert list(kept_lists(settings)) == [(True, "anchors: 1 entries, confirmed 0.0 hours ago")]

    later_s = time.time() + OLDEST_S + 60
    monkeypatch.setattr(doctor, "time", SimpleNamespace(time=lambda: later_s))
    ((is_well, said),) = kept_lists(settings)
    assert (is_well, said) == (
        False, "anchors: 1 entries, confirmed 24.0 hours ago; `robocall trust anchors check` says why",
    )  # fmt: skip


def test_a_list_past_its_end_and_a_damaged_one_are_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of withdrawn certificates ends a day after the instant of the tests' authority."""
    (tmp_path / "withdrawn.pem").write_bytes(indirect_list(live_root(), (live_root(), 4_711)))
    settings = TrustSettings.load(**trusting(tmp_path), crl_url=str(tmp_path / "withdrawn.pem"))
    assert asyncio.run(make_verifying(settings).lists.renew()) == []
    monkeypatch.setattr(doctor, "time", SimpleNamespace(time=lambda: float(AT_S + 2 * DAY_S)))
    (_, (is_well, said)) = kept_lists(settings)
    assert not is_well
    assert said.endswith("and past its end; `robocall trust anchors check` says why")

    (tmp_path / "state" / "anchors.list").write_bytes(b"nothing")
    damaged = [said for is_well, said in kept_lists(settings) if not is_well]
    assert any("is damaged" in said for said in damaged)
    assert any(said.startswith("anchors: none is kept") for said in damaged)
