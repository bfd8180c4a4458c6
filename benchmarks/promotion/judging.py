"""What a switch of the model cost the calls around it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

SWITCHING_S = 4.0
"""From the moment a model is named; a worker looks once a second, then loads and compiles for a second or two."""
AFTER_S = 1.0
"""A slower switch is watched for so long beyond its first answer."""
MOST_SPIKE_MS = 20.0
MOST_SWITCH_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One decision as it was read: intended send instant, latency, and when it was decided by which model."""

    due_ns: int
    latency_ms: float
    decided_ms: int
    model: str


def judged(answers: Sequence[Answer], first: str, switches: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """What each switch cost beside all other spans; a stretch that is not whole fails the run.

    Args:
        answers: of all calls that count.
        first: model that decides at first.
        switches: the model named, and when, epoch nanoseconds.
    """
    stretches = in_turn(answers)
    if stretches != [first, *(model for model, _ in switches)]:
        raise SystemExit(f"wrong run: the models decided in this order: {stretches}")
    done_ns = [switched_ns(answers, model, named) for model, named in switches]
    spans = [
        (named, max(named + int(SWITCHING_S * 1e9), done + int(AFTER_S * 1e9)))
        for (_, named), done in zip(switches, done_ns, strict=True)
    ]
    around: list[list[float]] = [[] for _ in spans]
    others: dict[int, list[float]] = {}
    for answer in answers:
        place = next((place for place, (begin, end) in enumerate(spans) if begin <= answer.due_ns < end), None)
        if place is None:
            others.setdefault(answer.due_ns // int(SWITCHING_S * 1e9), []).append(answer.latency_ms)
        else:
            around[place].append(answer.latency_ms)
    highest = [max(one) for one in others.values()]
    usual = statistics.median(highest)
    low, _, high = statistics.quantiles(highest, n=4)
    apart = high - low
    spikes = [max(one) - usual for one in around]
    slowest_s = max((done - named) / 1e9 for (_, named), done in zip(switches, done_ns, strict=True))
    return {
        "switches": [
            {
                "to": "rollback" if model == first else "promotion",
                "decides_after_s": round((done - named) / 1e9, 2),
                "spike_ms": round(spike, 2),
                "other_spans_higher": round(sum(one > max(latencies) for one in highest) / len(highest), 3),
            }
            | _figures(latencies)
            for (model, named), done, spike, latencies in zip(switches, done_ns, spikes, around, strict=True)
        ],
        "all_other_seconds": _figures([latency for one in others.values() for latency in one]),
        "other_spans": {
            "number": len(highest),
            "seconds": SWITCHING_S,
            "highest_ms": {"median": round(usual, 2), "highest": round(max(highest), 2)},
            "quartiles_apart_ms": round(apart, 2),
        },
        "is_quiet": apart <= MOST_SPIKE_MS,
        "spike_ms": round(max(0.0, *spikes), 2),
        "spike_is_met": max(spikes) <= MOST_SPIKE_MS,
        "slowest_switch_s": round(slowest_s, 2),
        "switch_is_met": slowest_s <= MOST_SWITCH_S,
    }


def switched_ns(answers: Sequence[Answer], model: str, named_ns: int) -> int:
    """When a model gave its first decision after it was named, epoch nanoseconds."""
    return min(one.decided_ms for one in answers if one.model == model and one.decided_ms * 1_000_000 >= named_ns) * (
        1_000_000
    )


def by_second(answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Calls, models and latencies of each second, for whoever wants to look closer."""
    seconds: dict[int, list[Answer]] = {}
    for answer in answers:
        seconds.setdefault(answer.due_ns // 1_000_000_000, []).append(answer)
    return [
        {
            "second": second,
            "models": sorted({one.model for one in some}),
            "calls": len(some),
            "p50_ms": round(statistics.median(one.latency_ms for one in some), 2),
            "max_ms": round(max(one.latency_ms for one in some), 2),
        }
        for second, some in sorted(seconds.items())
    ]


def in_turn(answers: Sequence[Answer]) -> list[str]:
    """Models in the order in which they decided; within one millisecond the one that did before comes first."""
    at: dict[int, set[str]] = {}
    for answer in answers:
        at.setdefault(answer.decided_ms, set()).add(answer.model)
    turns: list[str] = []
    for _, models in sorted(at.items()):
        turns += sorted(models.difference(turns[-1:]))
    return turns


def _figures(latencies_ms: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(latencies_ms, n=1000)
    named = {"p50_ms": cuts[499], "p99_ms": cuts[989], "p99_9_ms": cuts[998], "max_ms": max(latencies_ms)}
    return {"calls": len(latencies_ms)} | {name: round(value, 2) for name, value in named.items()}
