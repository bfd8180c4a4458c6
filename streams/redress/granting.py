"""Grant redress: what stands against the number ends at once, it is allowed for a while, and its call counts as lawful.

Redis comes first, since workers follow it within two seconds and it needs nothing else. What fails after that can be
done again: each step changes nothing that is as it should be.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from redis.asyncio import Redis

from detector.contract.errors import RobocallError
from detector.contract.events import FeedbackSource, Verdict
from detector.features.window_constants import DAY_MS
from detector.policy.lists import NUMBER_ENTITY, Basis
from streams.cases.changes import CaseRefused
from streams.cases.redress import GRANTED, Claim, claim_of, decided_as
from streams.cases.store import CaseStore
from streams.kafka.publishing.entity_topic import publish_end
from streams.kafka.publishing.sending import Sent, publish
from streams.kafka.topics import CALL_FEEDBACK
from streams.redis.connection import E164, asked
from streams.redis.list_changes import change_list
from streams.redis.list_notes import MAX_BY, note_now
from streams.redis.releasing import Released, release
from streams.running.clock import wall_clock_ms
from streams.settings import Settings
from streams.wire.cases import Case, CaseEntry
from streams.wire.records import FeedbackRecord, encode

MOST_DAYS = 3_650
MAX_NOTE = 2_000
_HOLDS = {
    Basis.COURT_ORDER: "a court ordered the block of that call: redress does not lift that",
    Basis.FCC_ORDER: "the FCC ordered the block of that call: redress does not lift that",
    Basis.REGISTRATION: "the policy keeps its provider out as not registered: redress does not lift that",
    "subscriber_block": "the called subscriber asked for the block: redress does not lift that",
    "dno": "the call was do-not-originate: redress does not lift that, see `robocall lists` and `robocall dno`",
}
"""What a decision may rest on that redress leaves alone, by the code of its first reason (`detector.policy.reasons`,
which is not imported: a grant must not wait for it)."""


class FeedbackLost(RobocallError):
    """The broker did not take what was said of a call."""


@dataclass(frozen=True, slots=True)
class Lifted:
    """What ended against a number.

    Attributes:
        released: What stood, and what stays by order.
        allowed_until_ms: The allow entry ends then, epoch milliseconds; None where there is none.
        took_s: From the first question to Redis to its last answer, seconds.
    """

    released: Released
    allowed_until_ms: int | None
    took_s: float


def lift(settings: Settings, number: str, *, who: str, case_id: str, allow_days: float) -> Lifted | None:
    """End what stands against a number and put it on the allow list for a while; blocks for Redis.

    The entry has no reason on purpose: with one the number would pass do-not-originate, orders and what subscribers
    asked for too, which redress does not lift.

    Args:
        settings: Where Redis is, and how long analytics do not block what is released.
        number: Who called; what is no E.164 number has nothing standing against it.
        who: Grants.
        case_id: Stands with them in the entry.
        allow_days: How long the entry holds; 0 for none.

    Raises:
        RedisUnreachable: nothing answers.
        RedisRefused: something answers with an error.
    """
    if not E164.fullmatch(number):
        return None
    began_s, by = time.monotonic(), f"{who[: MAX_BY - len(case_id) - 2]}, {case_id}"
    until_ms = wall_clock_ms() + round(allow_days * DAY_MS) if allow_days else None

    async def work(redis: Redis) -> Released:
        done = await release(redis, NUMBER_ENTITY + number, by=by, grace_s=settings.release_grace_s)
        if until_ms is not None:
            await change_list(redis, "allow", [number], is_addition=True, note=note_now(by=by, until_ms=until_ms))
        return done

    return Lifted(asked(settings, work), until_ms, time.monotonic() - began_s)


def stays(claim: Claim, lifted: Lifted | None) -> list[str]:
    """Say what a grant does not lift, for people: a clause each, of what the decision rested on and what it met.

    Args:
        claim: The call.
        lifted: What ended; None where its number is none that anything stands against.
    """
    said = []
    if lifted is None:
        is_written = any(map(str.isdigit, claim.calling_number or ""))
        said.append(
            "the caller's number is not in E.164, and nothing stands against such: nothing is lifted"
            if is_written
            else "the caller withheld its number: nothing stands against it"
        )
    ordered = None if lifted is None else lifted.released.ordered
    if ordered is not None:
        said.append(f"it stays on the block list by {ordered}: redress does not lift that")
    if claim.because is not None and claim.because != ordered:
        said += [text for code, text in _HOLDS.items() if code == claim.because]
    return said


def grant(
    settings: Settings,
    case: Case,
    entry: CaseEntry,
    *,
    allow_days: float,
    is_again: bool = False,
    on_lifted: Callable[[Lifted | None], None] = lambda _: None,
) -> Case:
    """Grant redress: lift what stands, tell workers and switches, and write it into the case. It blocks for all three.

    Running it again after a failure does what is left.

    Args:
        settings: Where Redis and Kafka are.
        case: As it was read.
        entry: Who grants, when and why.
        allow_days: How long the number is on the allow list; 0 for not at all.
        is_again: It was granted before, and is to be once more.
        on_lifted: Told what ended as soon as it has, before anything else can fail.

    Returns:
        The case as it is written.

    Raises:
        CaseRefused: it is no redress, neither number nor call is known, or it is granted already.
        RobocallError: Redis or Kafka does not answer, or refuses.
    """
    claim = claim_of(decided_as(case, GRANTED))
    if claim.calling_number is None and claim.call_id is None:
        raise CaseRefused(
            f"{case.case_id} names neither a call nor a number, so nothing would end: "
            "reject it, and open another one with --calling, the number that called"
        )
    if case.state == GRANTED and not is_again:
        raise CaseRefused(f"{case.case_id} is granted already: --again does it once more")
    lifted = lift(settings, claim.calling_number or "", who=entry.who, case_id=case.case_id, allow_days=allow_days)
    on_lifted(lifted)
    until_ms = None if lifted is None else lifted.allowed_until_ms
    more = {} if until_ms is None else {"allowed_until_ms": str(until_ms)}

    async def tell() -> Case:
        await tell_others(settings, claim, f"{case.case_id}: {entry.why}"[:MAX_NOTE])
        return await CaseStore(settings).append(case.case_id, entry, lambda one: decided_as(one, GRANTED, more))

    return asyncio.run(tell())


async def tell_others(settings: Settings, claim: Claim, note: str) -> None:
    """Tell switches that nothing stands any more, and workers and archive that the call was lawful.

    Raises:
        RobocallError: no broker answers, or it refuses, or a topic is missing.
    """
    number = claim.calling_number
    if number is not None and E164.fullmatch(number):
        await publish_end(settings, NUMBER_ENTITY + number)
    said = FeedbackRecord(
        time_ms=wall_clock_ms(),
        verdict=Verdict.LEGITIMATE,
        source=FeedbackSource.REDRESS,
        call_id=claim.call_id,
        calling_number=number,
        called_number=claim.called_number,
        call_time_ms=claim.call_time_ms,
        note=note,
    )
    key, sent = None if number is None else number.encode("utf-8", "surrogatepass"), Sent()
    await publish(settings, CALL_FEEDBACK, [(key, encode(said))], sent)
    if sent.failed:
        raise FeedbackLost("the broker did not take that the call was lawful: grant it again")
