"""What `robocall doctor` says of the register of upstreams."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streams.running.clock import utc_today
from streams.upstreams.doctor import known_upstreams
from streams.upstreams.entries import Registration, State, Upstream, UpstreamsInvalid, save_upstreams
from tests.streams.upstreams.upstream_case import upstream


def in_order(trunk: str, **more: Any) -> Upstream:
    day = utc_today()
    return upstream(
        trunk, **{"contract_date": day, "registration": Registration(state=State.LISTED, as_of=day), **more}
    )


def test_nothing_is_said_where_no_register_is_named() -> None:
    assert list(known_upstreams()) == []


def test_it_says_how_many_there_are_and_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "upstreams.yaml"
    monkeypatch.setenv("ROBOCALL_UPSTREAMS_FILE", str(path))
    save_upstreams(path, [in_order("a"), in_order("b")])
    assert list(known_upstreams()) == [(True, f"2 trunk groups in {path}, nothing is wrong with any")]

    save_upstreams(
        path, [in_order("a", traceback_clause=False), in_order("b", contract_date=utc_today() - timedelta(400))]
    )
    ((is_well, said),) = known_upstreams()
    assert not is_well
    assert said == (
        f"2 trunk groups in {path}: 1 no_traceback_clause, 1 old_entry; `robocall upstreams check` says which"
    )

    path.write_text("upstreams: [")
    with pytest.raises(UpstreamsInvalid, match="no YAML"):
        list(known_upstreams())
