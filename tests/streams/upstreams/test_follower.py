"""The register followed by a worker: figures change with the file, and a damaged one is said and changes none."""

import asyncio
from pathlib import Path

import pytest
import structlog.testing
from prometheus_client import CollectorRegistry

from streams.metrics import Metric
from streams.upstreams import follower as followers
from streams.upstreams.entries import save_upstreams
from streams.upstreams.findings import Kind
from streams.upstreams.follower import UpstreamsFollower
from streams.upstreams.settings import UpstreamsSettings
from tests.streams.upstreams.upstream_case import TODAY, upstream


def figures(follower: UpstreamsFollower) -> tuple[float | None, dict[str, float | None]]:
    registry = CollectorRegistry()
    registry.register(follower)
    counts = {kind.value: registry.get_sample_value(Metric.UPSTREAM_FINDINGS, {"kind": kind}) for kind in Kind}
    return registry.get_sample_value(Metric.UPSTREAMS_REFUSED), counts


def test_figures_follow_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "upstreams.yaml"
    follower = UpstreamsFollower(UpstreamsSettings.load(file=path), today=lambda: TODAY)
    nothing = dict.fromkeys(Kind, None)

    with structlog.testing.capture_logs() as logged:
        asyncio.run(follower.look())
        asyncio.run(follower.look())
    assert len(logged) == 1
    assert figures(follower) == (1, nothing)

    save_upstreams(path, [upstream("a", traceback_clause=False), upstream("b", traceback_clause=False), upstream("c")])
    asyncio.run(follower.look())
    assert figures(follower) == (0, dict.fromkeys(Kind, 0.0) | {Kind.NO_CLAUSE: 2})

    path.write_text("upstreams: [{}]")
    asyncio.run(follower.look())
    assert figures(follower) == (1, dict.fromkeys(Kind, 0.0) | {Kind.NO_CLAUSE: 2})

    save_upstreams(path, [upstream("c")])
    asyncio.run(follower.look())
    read: list[Path] = []
    monkeypatch.setattr(followers, "load_upstreams", read.append)
    asyncio.run(follower.look())
    assert (figures(follower), read) == ((0, dict.fromkeys(Kind, 0.0)), [])


def test_where_no_register_is_named_there_are_no_figures() -> None:
    follower = UpstreamsFollower(UpstreamsSettings.load())
    asyncio.run(follower.look())

    assert figures(follower) == (None, dict.fromkeys(Kind, None))
