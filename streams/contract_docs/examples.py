"""Example records of the contract, made by the code that makes the real ones, so that they cannot be wrong.

They stand in the AsyncAPI document and on the page for switch vendors.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from detector.campaigns.calls import SuspectCall
from detector.campaigns.grouping import Campaigns
from detector.columns.decision_ids import decision_id
from detector.contract.decisions import PLAIN_ALLOW, Action, Label, Mode, Outcome, Step, Versions, decide
from detector.contract.events import Attestation, CallSetup, FeedbackSource, ReleasedBy, Role, Verdict
from detector.contract.sip import DnoStatus, Location, Redress, analytics_block, dno_block
from detector.numbers.do_not_originate import DnoEntry
from detector.policy import reasons
from detector.policy.unjudged import FAILED_OPEN, late
from streams.campaigns.records import VERDICT_KEY, CampaignVerdict, encoded, record_of
from streams.wire import records
from streams.wire.cases import Case, CaseEntry, CaseKind
from streams.wire.reading import read
from streams.wire.record_columns import records_of

_TIME_MS = 1_760_000_000_000
_ANSWERED_AFTER_MS = 3
_VERSIONS = Versions("gbt-0123456789ab", "p1-0123456789ab", "f2-0123456789ab")
"""In the form of real ones; the digits of those change with every model, policy and feature table."""


@dataclass(frozen=True, slots=True)
class Example:
    """A record with its name, the topic that it belongs to, its key, and when it is seen."""

    name: str
    topic: str
    key: str
    value: bytes
    when: str


def _setup(call_id: str, calling_number: str) -> CallSetup:
    return records.SetupRecord(
        call_id=call_id,
        setup_time_ms=_TIME_MS,
        calling_number=calling_number,
        called_number="+13125550142",
        trunk_group_id="tg-chi-07",
        switch_id="sbc-chi-1",
        upstream_ocn="123A",
        verstat="TN-Validation-Passed",
        attestation=Attestation.B,
        role=Role.TERMINATING,
    )


SETUP = _setup("a84b4c76e66710@203.0.113.7", "+12025550101")
END = records.EndRecord(
    call_id=SETUP.call_id,
    setup_time_ms=SETUP.setup_time_ms,
    end_time_ms=_TIME_MS + 9_400,
    calling_number=SETUP.calling_number,
    called_number=SETUP.called_number,
    trunk_group_id=SETUP.trunk_group_id,
    sip_status=200,
    answer_time_ms=_TIME_MS + 6_100,
    q850_cause=16,
    released_by=ReleasedBy.CALLED,
    switch_id=SETUP.switch_id,
)
FEEDBACK = records.FeedbackRecord(
    time_ms=_TIME_MS + 60_000,
    verdict=Verdict.ROBOCALL,
    source=FeedbackSource.SUBSCRIBER_REPORT,
    call_id=SETUP.call_id,
    calling_number=SETUP.calling_number,
)
WHO_CALLED_ME = records.FeedbackRecord(
    time_ms=_TIME_MS + 3_600_000,
    verdict=Verdict.ROBOCALL,
    source=FeedbackSource.SUBSCRIBER_REPORT,
    called_number=SETUP.called_number,
    call_time_ms=_TIME_MS - 20_000,
)


BLOCK = Outcome(
    Action.BLOCK,
    Step.MODEL,
    reasons.of_model(Action.BLOCK, reasons.Level(0.999, 6.9, 0.999), 0.997),
    sip=analytics_block(Redress(url="https://redress.example.com/"), Location.TERMINATING, decision_id(SETUP)),
)
LABEL = Outcome(
    Action.LABEL,
    Step.MODEL,
    reasons.of_model(Action.LABEL, reasons.Level(0.87, 1.9, 0.87), 0.8),
    label=Label("Maybe automated", "automated_call", "Possible automated call"),
)
DNO = Outcome(
    Action.BLOCK,
    Step.DNO,
    (reasons.dno_listed(DnoEntry("202555")),),
    sip=dno_block(DnoStatus.DECLINE),
)
LATE_AFTER_MS = 262
LATE = late(LATE_AFTER_MS, 250)


def _decision(
    name: str,
    outcome: Outcome,
    score: float | None,
    when: str,
    mode: Mode = Mode.ENFORCE,
    after_ms: int = _ANSWERED_AFTER_MS,
) -> Example:
    record = decide(
        SETUP,
        decision_id(SETUP),
        outcome,
        score,
        mode,
        _TIME_MS + after_ms,
        _VERSIONS,
        records.DecisionRecord,
    )
    return Example(name, "call-decisions", SETUP.switch_id or SETUP.call_id, records.encode(record), when)


def _compact(event: object) -> bytes:
    """Encode an event as a switch would: without the fields that it does not have."""
    whole = json.loads(records.encode(event))
    return records.encode({name: value for name, value in whole.items() if value is not None})


def _rejected() -> Example:
    broken = _compact(SETUP).replace(b'"called_number":"+13125550142"', b'"called_number":13125550142')
    refused = read(records_of([broken])).rejected[0]
    place, key = ("call-events", 3, 4711), SETUP.calling_number.encode()
    _, letter = records.dead_letter(place, refused.code, refused.message, broken, _TIME_MS + 3, key)
    return Example("dead_letter", "dead-letters", SETUP.calling_number, letter, "An event had a wrong type.")


def _standing() -> Example:
    entity = f"number:{SETUP.calling_number}"
    record = records.EntityDecisionRecord(
        entity,
        Action.BLOCK,
        "automated_call",
        None,
        _TIME_MS,
        _TIME_MS + 3_600_000,
        "model",
        decision_id(SETUP),
        _VERSIONS.policy_version,
    )
    return Example(
        "entity_block", "entity-decisions", entity, records.encode(record), "A number is blocked for an hour."
    )


def _case() -> Example:
    opened = CaseEntry("5d0c1a7be93f2468", _TIME_MS + 60_000, "M. Lee", "opened", "a clinic that reminds its patients")
    granted = CaseEntry("91f0b7de33a5c802", _TIME_MS + 75_000, "M. Lee", "granted", "its number, called back")
    details = {"calling_number": SETUP.calling_number, "decision_id": decision_id(SETUP)}
    case = Case(
        "redress-20251009-3f9a2b71c0",
        CaseKind.REDRESS,
        "granted",
        f"number:{SETUP.calling_number}",
        opened.time_ms,
        granted.time_ms,
        False,
        details,
        (opened, granted),
    )
    return Example("case", "case-records", case.case_id, records.encode(case), "Redress was asked for, and granted.")


def _campaign() -> Iterator[Example]:
    """Six calls from a pool of numbers in one trunk group, and what somebody said of them."""
    grouping = Campaigns()
    for number in range(6):
        call = msgspec.structs.replace(
            cast("Any", SETUP),
            call_id=f"{number}@203.0.113.7",
            setup_time_ms=_TIME_MS + 700 * number,
            calling_number=f"+12025550{101 + number}",
            called_number=f"+13125550{142 + 7 * number}",
        )
        name = grouping.add(SuspectCall.of(call, decision_id(call), 0.97))
    record = record_of(grouping.by_id[name], {3: 4711})
    yield Example("campaign", "campaigns", name, encoded(record), "Six suspect calls from six numbers.")
    said = CampaignVerdict(name, Verdict.ROBOCALL, "mlee", _TIME_MS + 600_000, "about car warranties")
    key = f"{VERDICT_KEY}{name}"
    yield Example("campaign_verdict", "campaigns", key, records.encode(said), "An analyst confirmed it.")


def examples() -> Iterator[Example]:
    """Give every example, events first."""
    number = SETUP.calling_number
    yield Example("call_setup", "call-events", number, _compact(SETUP), "An INVITE arrived.")
    yield Example("call_end", "call-events", number, _compact(END), "The call ended after 3.3 s of talk.")
    yield _decision("allow", PLAIN_ALLOW, 0.004, "Nothing objected: route the call.")
    yield _decision("label", LABEL, 0.87, "Route the call; show the label to the called party.")
    yield _decision("block", BLOCK, 0.999, "Blocked by analytics: answer 603+ with exactly `sip`.")
    yield _decision("shadow", BLOCK, 0.999, "Shadow mode: route the call; it would have been blocked.", Mode.SHADOW)
    yield _decision("dno", DNO, None, "Do-not-originate block: a plain answer, no 603+, no Reason header.")
    yield _decision("fail_open", FAILED_OPEN, None, "The detector failed: route the call.")
    yield _decision("late", LATE, 0.999, "A block that became late: route the call.", after_ms=LATE_AFTER_MS)
    yield _standing()
    yield Example("feedback", "call-feedback", number, _compact(FEEDBACK), "A subscriber reported the call.")
    asked = _compact(WHO_CALLED_ME)
    yield Example("feedback_by_time", "call-feedback", "", asked, "A subscriber says when the phone rang.")
    yield _rejected()
    yield _case()
    yield from _campaign()
