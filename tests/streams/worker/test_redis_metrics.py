"""What a scrape tells of lists, standing decisions and junk in Redis."""

from dataclasses import replace

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from detector.contract.decisions import Action
from detector.policy.lists import Lists
from detector.policy.screening import Screener
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecision, StandingDecisions
from detector.windows.engine import WindowEngine
from streams.metrics import Metric
from streams.redis.connection import Guard, connect
from streams.redis.lists import ListFollower
from streams.redis.trunk_exchange import TrunkExchange
from streams.settings import load_settings
from streams.worker.redis_metrics import RedisMetrics
from tests.streams.redis.test_lists import SMALL, Even


def redis_metrics(standing: StandingDecisions) -> RedisMetrics:
    """Of a worker that knows no lists yet and has skipped two values of the journal."""
    screener = Screener(WindowEngine(SMALL), Even(), Policy(), Lists(), standing)
    screener.lists = None
    redis, guard = connect(load_settings(redis_url="redis://127.0.0.1:1/0")), Guard()
    lists = ListFollower(redis, guard, screener)
    lists.skipped.note("journal", 2)
    return RedisMetrics(lists, TrunkExchange(screener.engine, redis, guard, lambda: ()), standing)


def test_a_scrape_says_where_lists_come_from_what_was_skipped_and_who_was_pushed_out() -> None:
    """Nothing is known yet; two values were skipped; one of three decisions had to go, and it was the model's."""
    standing = StandingDecisions(max_entries=2)
    by_model = StandingDecision("number:+12125550123", Action.BLOCK, "spam", 1_000, 2_000, "model")
    standing.set(by_model)
    for n in range(2):
        standing.set(replace(by_model, entity=f"trunk:{n}", source="analyst"))
    registry = CollectorRegistry()
    registry.register(redis_metrics(standing))

    page = generate_latest(registry).decode()

    for line in (
        f'{Metric.LISTS_SOURCE}{{source="unknown"}} 1.0',
        f'{Metric.LISTS_SOURCE}{{source="redis"}} 0.0',
        f"{Metric.EMERGENCY_HELD} 0.0",
        f'{Metric.REDIS_SKIPPED}{{kind="journal"}} 2.0',
        f'{Metric.REDIS_SKIPPED}{{kind="trunk"}} 0.0',
        f'{Metric.STANDING}{{by="people"}} 2.0',
        f'{Metric.STANDING_EVICTED}{{by="model"}} 1.0',
    ):
        assert line in page.splitlines()
    assert f"\n{Metric.LISTS_AGE} " not in page
