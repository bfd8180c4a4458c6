"""The history of promotions says which model is in place, and keeps what led to it; in a folder and on S3 alike."""

from pathlib import Path
from typing import Any

import pytest

from models.errors import ArtifactCorrupt, PromotionRefused
from models.serve.signing import Signing
from models.store.promotions import FOLDER, Promotions
from models.store.registry import Registry


def test_nothing_is_active_before_the_first_promotion(url: str) -> None:
    history = Promotions(Registry(url).store)

    assert history.history() == []
    assert history.active() is None
    with pytest.raises(PromotionRefused, match="no model before"):
        history.rollback()


def test_two_rollbacks_lead_two_promotions_back(url: str) -> None:
    """And a promotion after a rollback goes on from there: a, b, c, back, back, d, back."""
    history = Promotions(Registry(url).store)
    steps: list[tuple[str, Any]] = [("a", "shipped"), ("b", "a"), ("c", "b")]
    for version, before in steps:
        history.promote(version, before, gate=[])

    assert [history.rollback().version for _ in range(2)] == ["b", "a"]
    history.promote("d", "a", gate=[])
    assert [history.rollback().version for _ in range(2)] == ["a", "shipped"]
    with pytest.raises(PromotionRefused, match="no model before"):
        history.rollback()
    assert history.active() == "shipped"


def test_the_history_keeps_gate_and_reason(url: str) -> None:
    """In the order in which it was made, whatever the clock says."""
    history = Promotions(Registry(url).store)
    line = {"measure": "recall at 0.001", "passed": False}

    history.promote("a", "shipped", gate=[line], forced_because="campaign of today")
    history.promote("b", "a", gate=[])

    first, second = Promotions(Registry(url).store).history()
    assert (first.version, first.gate, first.forced_because) == ("a", [line], "campaign of today")
    assert first.at_ms < second.at_ms
    assert second.from_version == "a"


def test_an_entry_is_one_file_named_by_time_and_deed(tmp_path: Path) -> None:
    """So a listing is the history; the names are read by builds to come."""
    promotion = Promotions(Registry(tmp_path).store).promote("b", "a", gate=[])

    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [f"{promotion.at_ms:013d}-promote-b.json"]


@pytest.mark.parametrize("content", [b"{}", b"no json", b" " * (1024 * 1024 + 1)])
def test_an_entry_that_cannot_be_read_is_told(tmp_path: Path, content: bytes) -> None:
    """Rather than a model put in place that nobody chose."""
    store = Registry(tmp_path).store
    store.write(f"{FOLDER}/0000000000001-promote-a.json", content)

    with pytest.raises(ArtifactCorrupt, match=r"0000000000001-promote-a\.json"):
        Promotions(store).active()


KEYS = Signing(b"a key of sixteen bytes or more")


def test_with_a_key_only_signed_entries_count(url: str) -> None:
    """Those of before are refused until somebody answers for them; an entry under another name is another entry."""
    unsigned, signed = Promotions(Registry(url).store), Promotions(Registry(url).store, KEYS)
    unsigned.promote("a", "shipped", gate=[{"measure": "recall", "running": 0.5}])
    with pytest.raises(ArtifactCorrupt, match=r"is not signed.*`robocall models sign`"):
        signed.active()

    assert signed.sign() == 1
    signed.promote("b", "a", gate=[])
    assert (signed.active(), unsigned.active()) == ("b", "b")
    assert [entry.version for entry in signed.history()] == ["a", "b"]

    store = Registry(url).store
    newest = store.files(FOLDER)[-1].path
    store.write(f"{FOLDER}/9{newest.rpartition('/')[2][1:]}", store.read(newest, limit_bytes=4_096))
    with pytest.raises(ArtifactCorrupt, match="or was changed"):
        signed.active()
