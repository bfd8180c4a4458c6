"""Archives of a few hundred calls of eight days, and the same counted one by one."""

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS, CALL_FEEDBACK
from tests.streams.archive.archive_case import DAY_MS, START_MS, encoded, put

DAY = datetime.fromtimestamp(START_MS / 1_000, UTC).date()
PASSED = "TN-Validation-Passed"


@dataclass(frozen=True)
class Call:
    """One call, and what came of it."""

    number: int
    days_ago: int = 0
    trunk: str = "tg-1"
    calling: str = "+13035550100"
    action: str | None = "allow"
    mode: str = "shadow"
    decided_by: str = "model"
    reasons: tuple[tuple[str, str], ...] = ()
    signer: str | None = None
    attestation: str | None = None
    is_own: bool = True
    ocn: str | None = None
    calling_ocn: str | None = None
    refusal: str | None = None
    treatment: str | None = None
    feedback: tuple[str, str] | None = None

    @property
    def at_ms(self) -> int:
        return START_MS - self.days_ago * DAY_MS + 1_000 * self.number

    def setup(self) -> dict[str, Any]:
        prefix = "own_" if self.is_own else ""
        signed = {} if self.signer is None else {
            f"{prefix}verstat": PASSED, f"{prefix}signer_spc": self.signer, f"{prefix}attestation": self.attestation,
        }  # fmt: skip
        return {
            "type": "call_setup",
            **self._numbers(),
            "upstream_ocn": self.ocn,
            "calling_ocn": self.calling_ocn,
            **signed,
        }

    def end(self) -> dict[str, Any]:
        return {
            "type": "call_end", **self._numbers(), "end_time_ms": self.at_ms + 500, "sip_status": 603,
            "reason": self.refusal, "treatment": self.treatment,
        }  # fmt: skip

    def said(self) -> dict[str, Any]:
        source, verdict = self.feedback or ("", "")
        return {
            "type": "feedback", "time_ms": self.at_ms + DAY_MS, "source": source, "verdict": verdict,
            "call_id": self._numbers()["call_id"],
        }  # fmt: skip

    def decision(self) -> dict[str, Any]:
        is_shadow = self.mode == "shadow"
        return {
            **self._numbers(), "decision_id": "0" * 32, "action": "allow" if is_shadow else self.action,
            "mode": self.mode, "would_be": self.action if is_shadow else None, "decided_by": self.decided_by,
            "score": None, "label": None, "sip": None, "switch_id": None, "decided_time_ms": self.at_ms + 5,
            "reasons": [{"code": code, "text": text, "value": None, "threshold": None} for code, text in self.reasons],
            "model_version": "m", "policy_version": "p", "feature_schema": "f2",
        }  # fmt: skip

    def _numbers(self) -> dict[str, Any]:
        return {
            "call_id": f"call-{self.days_ago}-{self.number}", "setup_time_ms": self.at_ms,
            "calling_number": self.calling, "called_number": "+12125550100", "trunk_group_id": self.trunk,
        }  # fmt: skip


def archived(store: ArchiveStore, calls: list[Call], *, repeats: bool = False, key: NumberKey | None = None) -> None:
    """Put the calls into an archive, with a file a day; with `repeats` each setup and decision comes twice."""
    places: Counter[str] = Counter()
    for days_ago in sorted({one.days_ago for one in calls}, reverse=True):
        of_day = [one for one in calls if one.days_ago == days_ago]
        events = [one.setup() for one in of_day] * (2 if repeats else 1)
        events += [one.end() for one in of_day if one.refusal is not None]
        decisions = [one.decision() for one in of_day if one.action is not None] * (2 if repeats else 1)
        said = [one.said() for one in of_day if one.feedback is not None] * 2
        for topic, records in ((CALL_EVENTS, events), (CALL_DECISIONS, decisions), (CALL_FEEDBACK, said)):
            if records:
                # all of them within a day, in spite of one second each
                put(
                    store,
                    topic,
                    [encoded(one) for one in records],
                    first=places[topic],
                    at_ms=START_MS - days_ago * DAY_MS,
                    key=key,
                )
                places[topic] += len(records)


def some_calls(seed: int, count: int) -> list[Call]:
    """Calls of every kind, drawn."""
    draw = random.Random(seed)
    numbers = [f"+1303555{n:04}" for n in range(12)]
    numbers += [
        "+13031110100",
        "+12222222222",
        "12345",
        "anonymous",
        "+441632960001",
    ]
    reasons: list[tuple[tuple[str, str], ...]] = [
        (), (("model", "Score"),), (("upstream", "Trunk group tg-1: x"),), (("signer", "A signed"),),
        (("registration", "x"), ("upstream", "y")), (("fcc_order", "x"), ("signer", "y")),
        (("block_list", "The trunk group is on the block list"),),
        (("block_list", "The calling number is on the block list"),),
        (("standing_block", "A standing block of the trunk holds until x (y)"),),
        (("standing_block", "A standing block of the number holds until x (y)"),),
    ]  # fmt: skip
    return [
        Call(
            number,
            days_ago=draw.choice([0, 0, 0, 1, 3, 7, 8]),
            trunk=draw.choice(["tg-1", "tg-2", "tg-3"]),
            calling=draw.choice(numbers),
            action=draw.choice(["allow", "label", "block", None]),
            mode=draw.choice(["shadow", "enforce"]),
            decided_by=draw.choice(["model", "rule", "fail_open"]),
            reasons=draw.choice(reasons),
            signer=draw.choice(["111A", "222B", None]),
            attestation=draw.choice("ABC"),
            is_own=draw.choice([True, False]),
            ocn=draw.choice(["222B", None]),
            calling_ocn=draw.choice(["111A", "222B", None]),
            refusal=draw.choice([None, None, 'SIP;cause=603;text="V=analytics1;url=https://x/"', "Q.850;cause=16"]),
            treatment=draw.choice([None, "allow", "block"]),
            feedback=draw.choice(
                [None, None, ("traceback", "robocall"), ("traceback", "legitimate"), ("analyst", "robocall")]
            ),
        )
        for number in range(count)
    ]
