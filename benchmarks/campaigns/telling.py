"""Suspect calls of generated carriers, as model and policy hold them and as they are in truth."""

from collections.abc import Iterator
from dataclasses import dataclass

from detector.campaigns.calls import SuspectCall
from detector.columns.hashing import PUBLIC_SEED
from detector.contract.decisions import Action
from detector.contract.events import CallSetup
from models.traffic.authors import AUTHORS, JUDGED_ALONE, Traffic, slices
from models.traffic.batches import batches
from models.traffic.first.slices import event_json
from models.traffic.span import DEFAULT_START_MS
from models.traffic.truth import Truth
from models.traffic.worlds import central_worlds
from streams.running.progress import Say
from streams.screening.build import make_screener
from streams.screening.pipeline import MAX_BATCH, Pipeline
from streams.settings import load_settings
from streams.wire.record_columns import records_of

FIRST = "first"
NAMES = (FIRST, *AUTHORS, *JUDGED_ALONE)
SUSPECT_AT = 0.9


@dataclass(slots=True)
class Told:
    """A suspect call, or an end.

    Attributes:
        call: None of an end.
        truth: None of an end.
        is_suspect: Whether model and policy hold the call for suspect.
        ended: Call id and duration from the answer on of an end.
    """

    call: SuspectCall | None = None
    truth: Truth | None = None
    is_suspect: bool = False
    ended: tuple[str, int | None] = ("", None)


def carrier(author: str, seed: int, calls: int) -> Traffic:
    """A carrier of an author; of the first one a central world."""
    if author == FIRST:
        return central_worlds(1, seed, calls=calls)[0]
    return (AUTHORS | JUDGED_ALONE)[author](seed, start_ms=DEFAULT_START_MS, calls=calls)


def tell(spec: Traffic, say: Say) -> Iterator[Told]:
    """Screen a carrier's events with the shipped model and the default policy; yields suspect calls and all ends."""
    failures: list[Exception] = []
    pipeline = Pipeline(
        make_screener(load_settings(), shared_trunks=True), seed=PUBLIC_SEED, on_failure=failures.append
    )
    seen = 0
    for events, truths in slices(spec):
        told = iter(truths)
        for batch in batches(events, MAX_BATCH):
            screening = pipeline.process(records_of([event_json(one) for one in batch]), decided_time_ms=None).screening
            row = 0
            for event in batch:
                if not isinstance(event, CallSetup):
                    answered = event.answer_time_ms
                    talk_ms = None if answered is None else event.end_time_ms - answered
                    yield Told(ended=(event.call_id, talk_ms))
                    continue
                truth, score, action = next(told), screening.score(row), screening.outcome(row).action
                is_suspect = action is not Action.ALLOW or (score or 0.0) >= SUSPECT_AT
                if is_suspect or truth.is_robocall:
                    identifier = screening.calls.identifier(row)
                    yield Told(SuspectCall.of(event, identifier, score), truth, is_suspect)
                row += 1
            seen += len(batch)
            say(f"{seen:,} events")
    if failures:
        raise failures[0]
