"""Check whether an entry's output is right; raise `WrongRun` where it is not."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from benchmarks.peers.backlog import Backlog
from benchmarks.peers.entries import Entry
from benchmarks.peers.job import BIAS, BLOCK_AT, WEIGHTS
from benchmarks.peers.reference import Reference
from detector.features.window_constants import RING

SAMPLE = 2_000
SCORE_TOLERANCE = 1e-12
PRODUCT_FEATURES = {
    "number_attempts_10s": 0,
    "number_attempts_1m": 1,
    "number_attempts_5m": 2,
    "number_attempts_1h": 3,
    "number_distinct_called_1h": 15,
    "trunk_attempts_1m": 17,
    "trunk_attempts_1h": 19,
}
"""Features of the product that are counts of the job, by their place in it."""
PANE_TOLERANCE = 0.25
"""Most that a number of calls may be off, as a share of it or of 8 where it is smaller: the oldest pane is split."""
SKETCH_TOLERANCE = 0.5
"""The same for a distinct count, which is estimated from hashes where the exact calls are no longer kept."""
PRODUCT_EXACT_CALLS = RING
"""Up to so many calls in the hour the product's counts are exact by design, and are held to it."""


class WrongRun(Exception):
    """The output of a run is not what the job asks for."""


class Answer(msgspec.Struct):
    """Output of the job for one set-up."""

    call_id: str
    action: str
    score: float
    counts: list[int]


class ProductAnswer(msgspec.Struct):
    """What is looked at in a decision, and in a scored call."""

    call_id: str
    decided_by: str
    features: dict[str, float] | None = None


def check_job(
    values: Iterable[bytes], entry: Entry, backlog: Backlog, reference: Reference, seed: int
) -> dict[str, Any]:
    """Check answers of the job: complete, consistent, and on a seeded sample equal to the brute force."""
    decoder = msgspec.json.Decoder(Answer)
    answers = [decoder.decode(value) for value in values]
    found, repeated = _complete([answer.call_id for answer in answers], entry, backlog)
    _consistent(answers)
    first = {answer.call_id: answer for answer in reversed(answers)}
    for place in random.Random(seed).sample(found, min(SAMPLE, len(found))):
        answer, expected = first[backlog.events[place].call_id], reference.counts(place, entry.windows)
        if answer.counts != expected:
            raise WrongRun(f"{entry.name}: counts of event {place} are {answer.counts}, not {expected}")
    return {"answered": len(found), "repeated": repeated, "counts_checked": min(SAMPLE, len(found)), "counts": "equal"}


def _complete(call_ids: list[str], entry: Entry, backlog: Backlog) -> tuple[list[int], int]:
    """Places of the set-ups that had to be answered, all of which are, and how many answers repeat one."""
    places = {backlog.events[place].call_id: int(place) for place in backlog.setups}
    strangers = sum(call_id not in places for call_id in call_ids)
    answered = {places[call_id] for call_id in call_ids if call_id in places}
    due = [int(place) for place in backlog.setups[: backlog.setups_among(entry.events)]]
    missing = sum(place not in answered for place in due)
    if missing or strangers:
        raise WrongRun(
            f"{entry.name}: {missing} of {len(due)} set-ups are not answered, {strangers} answers are no one's"
        )
    return due, len(call_ids) - len(answered)


def _consistent(answers: list[Answer]) -> None:
    counts = np.array([answer.counts for answer in answers], dtype=np.float64)
    scores = np.array([answer.score for answer in answers])
    total = np.full(len(answers), BIAS)
    for column, weight in enumerate(WEIGHTS):
        total += weight * counts[:, column]
    expected = 1.0 / (1.0 + np.exp(-total))
    wrong = int(np.count_nonzero(np.abs(expected - scores) > SCORE_TOLERANCE))
    blocks = np.array([answer.action == "block" for answer in answers])
    clear = np.abs(expected - BLOCK_AT) > SCORE_TOLERANCE
    other = sum(answer.action not in {"allow", "block"} for answer in answers)
    wrong += int(np.count_nonzero((blocks != (expected >= BLOCK_AT)) & clear)) + other
    if wrong:
        raise WrongRun(f"{wrong} scores or actions do not fit their counts")


def check_copies(number: int, entry: Entry, backlog: Backlog) -> dict[str, Any]:
    """The floor answers each set-up with bytes that mean nothing."""
    due = backlog.setups_among(entry.events)
    if number < due:
        raise WrongRun(f"{entry.name}: {number} copies of {due}")
    return {"answered": due, "repeated": None, "counts_checked": 0, "counts": "none"}


def check_product(
    decisions: Iterable[bytes], scored: Iterable[bytes], entry: Entry, backlog: Backlog, reference: Reference
) -> dict[str, Any]:
    """Every set-up has a decision that was really taken; published features are the job's counts, within tolerance."""
    decoder = msgspec.json.Decoder(ProductAnswer)
    taken = [decoder.decode(value) for value in decisions]
    failed = sum(answer.decided_by == "fail_open" for answer in taken)
    if failed:
        raise WrongRun(f"{entry.name}: {failed} calls passed unjudged")
    due, repeated = _complete([answer.call_id for answer in taken], entry, backlog)
    places = {backlog.events[place].call_id: place for place in due}
    errors: list[float] = []
    checked = 0
    for value in scored:
        answer = decoder.decode(value)
        if answer.call_id not in places or answer.features is None:
            continue
        checked += 1
        counts = reference.counts(places[answer.call_id], entry.windows)
        errors += [_error(name, answer.features[name], counts) for name in PRODUCT_FEATURES if name in answer.features]
    if not errors:
        raise WrongRun(f"{entry.name}: no scored call to check")
    equal = np.mean(np.array(errors) == 0)
    found = f"{equal:.1%} equal, mean error {np.mean(errors):.2%}, most {max(errors):.1%}"
    return {"answered": len(due), "repeated": repeated, "counts_checked": checked, "counts": found}


def _error(name: str, got: float, counts: list[int]) -> float:
    expected = counts[PRODUCT_FEATURES[name]]
    if name.startswith("number_attempts") and counts[3] <= PRODUCT_EXACT_CALLS and got != expected:
        raise WrongRun(f"{name} is {got}, not {expected}, of a number with {counts[3]} calls in the hour")
    error = abs(got - expected) / max(8, expected)
    if error > (SKETCH_TOLERANCE if "distinct" in name else PANE_TOLERANCE):
        raise WrongRun(f"{name} is {got}, not {expected}")
    return error
