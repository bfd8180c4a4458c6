"""What a screening holds in columns, as lists with one entry per call."""

from detector.contract.decisions import Mode, Outcome
from detector.policy.screening import Screening


def outcomes(screening: Screening) -> list[Outcome]:
    return [screening.outcome(row) for row in range(len(screening.calls))]


def scores(screening: Screening) -> list[float | None]:
    return [screening.score(row) for row in range(len(screening.calls))]


def modes(screening: Screening) -> list[Mode]:
    return [screening.mode(row) for row in range(len(screening.calls))]


def ids(screening: Screening) -> list[str]:
    return [screening.calls.identifier(row) for row in range(len(screening.calls))]
