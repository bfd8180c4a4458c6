"""What a worker adds to its report: its health, the partitions that it reads, alarms and drift, all bounded."""

from redis.asyncio import Redis

from models.watch.drift import Drift, Share
from streams.redis.worker_reports import (
    MAX_LAGS,
    MAX_MOVED,
    MAX_STALLED,
    ShareSeen,
    WorkerDrift,
    WorkerHealth,
    WorkerReport,
    tell,
    told,
)
from streams.worker.health import Verdict
from streams.worker.telling.own_report import completed
from tests.valkey_process import ValkeyProcess, run

MODELS = WorkerReport("w-1", "gbt-1", 1_764_000_000_000, shadow="gbt-2")
DRIFT = Drift(20_000, {"number_age": 0.1, "call_new_number": 0.31234567}, 0.2, 0.05, {"label_at": Share(0.02, 0, 0.1)})


def test_health_alarms_and_drift_stand_beside_the_models(valkey: ValkeyProcess) -> None:
    """As Redis gives them back; what moved farthest is named first."""
    verdict = Verdict("stalled", 2, 1_207, stalled=("call-events/7",))
    said = completed(lambda: verdict, lambda: {7: 1_207, 3: 0}, lambda: (("features",), DRIFT), MODELS)

    assert (said.worker, said.model, said.shadow, said.alarms) == ("w-1", "gbt-1", "gbt-2", ("features",))
    assert said.health == WorkerHealth("stalled", {"3": 0, "7": 1_207}, ("call-events/7",))
    assert said.drift == WorkerDrift(
        20_000, 0.2, 0.05, {"call_new_number": 0.3123, "number_age": 0.1}, {"label_at": ShareSeen(0.02, 0, 0.1)}
    )
    assert said.drift is not None
    assert next(iter(said.drift.features)) == "call_new_number"
    assert told_and_heard(valkey.url, said) == [said]


def test_a_model_without_a_reference_has_no_drift() -> None:
    said = completed(lambda: Verdict("ok", 0, 0), dict, lambda: ((), None), MODELS)
    assert (said.drift, said.alarms, said.health) == (None, (), WorkerHealth("ok"))


def test_as_many_as_a_report_holds_are_told(valkey: ValkeyProcess) -> None:
    """With more of everything than there can be, the report is still one that Redis gives back."""
    verdict = Verdict("stalled", 5_000, 0, stalled=tuple(f"call-events/{number}" for number in range(5_000)))
    far = Drift(1, {f"number_attempts_{number}": float(number) for number in range(400)}, 1.0, None, {})
    said = completed(lambda: verdict, lambda: dict.fromkeys(range(5_000), 2**40), lambda: ((), far), MODELS)

    assert said.health is not None
    assert said.drift is not None
    assert (len(said.health.lags), len(said.health.stalled)) == (MAX_LAGS, MAX_STALLED)
    assert list(said.drift.features.values()) == [float(399 - place) for place in range(MAX_MOVED)]
    assert told_and_heard(valkey.url, said) == [said]


def told_and_heard(url: str, said: WorkerReport) -> list[WorkerReport]:
    heard: list[WorkerReport] = []

    async def work(client: Redis) -> None:
        assert await tell(client, said)
        heard.extend(await told(client))

    run(work, url)
    return heard
