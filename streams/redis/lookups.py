"""What Redis knows of a number, a trunk group or one decision, gathered for people and for programs.

Values that others wrote are judged, not trusted: what cannot be read counts as not there.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
from redis.asyncio import Redis

from detector.features.window_constants import MEASURES, PANE_MS, WINDOW_NAMES
from detector.numbers.do_not_originate import DNO_LENGTHS
from detector.policy.lists import NUMBER_ENTITY, TRUNK_ENTITY
from detector.windows.trunks import TrunkShare, merge
from streams.redis.bounded import (
    FIELD,
    MAX_RECORD_BYTES,
    SMALL_SET,
    answers,
    is_instant,
    number,
    read_value,
    record,
    run_script,
)
from streams.redis.connection import (
    E164,
    LIST_NAMES,
    TRAPS,
    TRUNK_PARTITIONS,
    entity_key,
    list_key,
    trunk_key,
)
from streams.redis.decisions import decisions_of, latest_decisions
from streams.redis.list_notes import MAX_NOTE_BYTES, NOTED_LISTS, Note, note_of, notes_key
from streams.settings import MAX_PARTITIONS
from streams.wire.records import ENTITY_DECISION_DECODER

DECISION_ID_LENGTH = 32
MAX_SHARE_BYTES = 256 * 1024
NATIONAL = re.compile(r"1?([2-9][0-9]{9})")
"""A North American number as people write it."""
NO_DECISIONS = "none in seven days, plain allows aside, which are not kept"
TAKEN_FOR_TRUNK = (
    "taken for a trunk group: no number, and no decision id that is known; a call is found by its calling number"
)
SHOWN_MEASURES = ("attempts", "answered", "short", "busy", "no_answer", "rejected", "bad_number")


@dataclass(frozen=True, slots=True)
class Report:
    """What is known; `--json` prints `content`, which has `kind` (`number`, `trunk`, `decision`) and `subject`.

    Attributes:
        content: what was found.
        taken_for: why the subject was taken for this kind, where that was a guess; empty where it was clear.
    """

    content: dict[str, Any]
    taken_for: str = ""

    @property
    def is_missing(self) -> bool:
        """A decision was asked for that Redis does not have."""
        return self.content["kind"] == "decision" and self.content["decision"] is None

    def lines(self) -> list[str]:
        """The report for a person."""
        content = self.content
        if content["kind"] == "decision":
            return _decision_lines(content["decision"])
        guess = f" ({self.taken_for})" if self.taken_for else ""
        lines = [f"{content['kind']} {content['subject']}{guess}", f"lists: {', '.join(content['lists']) or 'none'}"]
        if content.get("dno"):
            lines[-1] += f" (do-not-originate {content['dno']})"
        lines += [f"list {name}: {_note_text(note)}" for name, note in content["notes"].items()]
        lines.append(f"standing decision: {_standing_text(content['standing'])}")
        if content["kind"] == "number":
            lines += ["latest decisions:", *map(_short_line, content["decisions"])]
            return lines if content["decisions"] else [*lines[:-1], f"latest decisions: {NO_DECISIONS}"]
        return [*lines, *_window_lines(content["windows"], content["latest_ms"])]


async def find(redis: Redis, subject: str) -> Report:
    """Gather what is known of `subject`: a number, a decision id, or else a trunk group.

    It waits for Redis, a few requests one after the other; what is damaged there is left out.

    Args:
        redis: Connected; `streams.redis.connection` says how long it is waited for.
        subject: As somebody typed it: +12025550123, 2025550123, `number:` or `trunk:` and a name, 32 hex digits.

    Raises:
        RedisError: the server refuses; like the others of `streams.redis.connection.FAULTS`, when it does not answer.
    """
    text = subject.strip()
    if text.startswith(NUMBER_ENTITY) or E164.fullmatch(text):
        return await _number(redis, text.removeprefix(NUMBER_ENTITY))
    if national := NATIONAL.fullmatch(text):
        return replace(await _number(redis, f"+1{national[1]}"), taken_for=f"{text} without its +1")
    if not text.startswith(TRUNK_ENTITY):
        (decision,) = await decisions_of(redis, [text])
        if decision is not None or is_decision_id(text):
            return Report({"kind": "decision", "subject": text, "decision": msgspec.to_builtins(decision)})
        return replace(await _trunk(redis, text), taken_for=TAKEN_FOR_TRUNK)
    return await _trunk(redis, text.removeprefix(TRUNK_ENTITY))


async def _number(redis: Redis, number: str) -> Report:
    content: dict[str, Any] = {"kind": "number", "subject": number}
    content["lists"] = await _lists_with(redis, number, (*LIST_NAMES[:-1], TRAPS))
    content["notes"] = await _notes_on(redis, number, content["lists"])
    content["dno"] = await _dno(redis, number)
    if content["dno"]:
        content["lists"].append("dno")
        content["notes"] |= await _notes_on(redis, content["dno"], ["dno"])
    content["standing"] = await _standing(redis, NUMBER_ENTITY + number)
    content["decisions"] = msgspec.to_builtins(await latest_decisions(redis, number))
    return Report(content)


async def _trunk(redis: Redis, trunk: str) -> Report:
    content: dict[str, Any] = {"kind": "trunk", "subject": trunk}
    content["lists"] = await _lists_with(redis, TRUNK_ENTITY + trunk, ("allow", "block"))
    content["notes"] = await _notes_on(redis, TRUNK_ENTITY + trunk, content["lists"])
    content["standing"] = await _standing(redis, TRUNK_ENTITY + trunk)
    content["partitions"], merged = await _merged_shares(redis, trunk)
    content["latest_ms"] = merged.latest_ms if merged else None
    content["windows"] = _totals(merged) if merged else {}
    return Report(content)


async def _standing(redis: Redis, entity: str) -> dict[str, Any] | None:
    found = record(await read_value(redis, entity_key(entity), MAX_RECORD_BYTES), ENTITY_DECISION_DECODER)
    if found is None or not is_instant(found.since_ms, found.expires_ms):
        return None
    standing: dict[str, Any] = msgspec.to_builtins(found)
    return standing


async def _lists_with(redis: Redis, entry: str, names: tuple[str, ...]) -> list[str]:
    """Names of the lists that have an entry; a key that is no list has none."""
    pipeline = redis.pipeline(transaction=False)
    for name in names:
        pipeline.sismember(list_key(name), entry)
    found = await answers(pipeline)
    return [name for name, is_in in zip(names, found, strict=True) if is_in]


async def _notes_on(redis: Redis, entry: str, names: list[str]) -> dict[str, Any]:
    """What is known of an entry beside its name, by the list that has it."""
    found: dict[str, Any] = {}
    for name in names:
        if name in NOTED_LISTS:
            note = note_of(await run_script(redis, FIELD, notes_key(name), entry, MAX_NOTE_BYTES))
            found |= {} if note is None else {name: msgspec.to_builtins(note)}
    return found


def _note_text(note: dict[str, Any]) -> str:
    return msgspec.convert(note, Note).text()


async def _dno(redis: Redis, number: str) -> str | None:
    """Longest do-not-originate prefix of a North American number."""
    digits = number.removeprefix("+1")
    if not E164.fullmatch(number) or digits == number or len(digits) != DNO_LENGTHS[0]:
        return None
    pipeline = redis.pipeline(transaction=False)
    for length in DNO_LENGTHS:
        pipeline.sismember(list_key("dno"), digits[:length])
    found = zip(DNO_LENGTHS, await answers(pipeline), strict=True)
    return next((digits[:length] for length, is_in in found if is_in), None)


async def _merged_shares(redis: Redis, trunk: str) -> tuple[int, TrunkShare | None]:
    """How many partitions have a share of the trunk group, and what all of them add up to."""
    names: Any = await run_script(redis, SMALL_SET, TRUNK_PARTITIONS, MAX_PARTITIONS)
    numbers = {partition for name in names or () if (partition := number(name, MAX_PARTITIONS - 1)) is not None}
    count, merged = 0, None
    for partition in sorted(numbers):
        raw: Any = await run_script(redis, FIELD, trunk_key(partition), trunk, MAX_SHARE_BYTES)
        try:
            share = TrunkShare.from_bytes(raw, seed=None) if raw else None
        except ValueError:
            continue
        if share is not None and share.trunk_group_id == trunk:
            count, merged = count + 1, share if merged is None else merge((merged, share))
    return count, merged


def _totals(share: TrunkShare) -> dict[str, dict[str, int]]:
    """Totals of each window at the share's latest call; the oldest pane counts as far as the window overlaps it."""
    totals = {}
    for name, length_ms, panes in zip(WINDOW_NAMES, PANE_MS, share.panes, strict=True):
        sums = panes.sum(axis=0) - panes[0] * (share.latest_ms % length_ms / length_ms)
        totals[name] = {measure: round(float(total)) for measure, total in zip(MEASURES, sums, strict=True)}
    return totals


def is_decision_id(text: str) -> bool:
    """Whether a decision can have this id."""
    return len(text) == DECISION_ID_LENGTH and all(character in "0123456789abcdef" for character in text)


def _time(value: int) -> str:
    return datetime.fromtimestamp(value / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _standing_text(standing: dict[str, Any] | None) -> str:
    if standing is None:
        return "none"
    since, until = _time(standing["since_ms"]), _time(standing["expires_ms"])
    text = f"{standing['action']} as {standing['category']} by {standing['source']}, {since} until {until}"
    trunks = [f"by trunk {trunk}, unsigned" for trunk in standing["trunk_group_ids"] or ()]
    meant = [*trunks, *(["signed"] if standing["signed"] else [])]
    return f"{text}, of calls {' or '.join(meant)}" if meant else text


def _short_line(decision: dict[str, Any]) -> str:
    action = decision["would_be"] or decision["action"]
    shadow = " (shadow)" if decision["mode"] == "shadow" else ""
    scored = "" if decision["score"] is None else f", score {decision['score']:.3f}"
    return (
        f"  {_time(decision['setup_time_ms'])}  {action}{shadow} by {decision['decided_by']}{scored}"
        f", to {decision['called_number']}  {decision['decision_id']}"
    )


def _decision_lines(decision: dict[str, Any]) -> list[str]:
    lines = [f"decision {decision['decision_id']}", _short_line(decision).strip()]
    lines.append(f"from {decision['calling_number']} by trunk {decision['trunk_group_id']}")
    lines += [f"because: {reason['text']} [{reason['code']}]" for reason in decision["reasons"]]
    versions = ("model_version", "policy_version", "feature_schema")
    lines.append(", ".join(f"{name} {decision[name]}" for name in versions))
    return lines


def _window_lines(windows: dict[str, dict[str, int]], latest_ms: int | None) -> list[str]:
    if latest_ms is None:
        return ["windows: no calls in 25 hours, or no worker has told Redis"]
    lines = [f"windows at the latest call, {_time(latest_ms)}:"]
    lines.append("  " + "".join(f"{name:>12}" for name in ("", *SHOWN_MEASURES)))
    for name, counts in windows.items():
        lines.append("  " + f"{name:>12}" + "".join(f"{counts[measure]:>12}" for measure in SHOWN_MEASURES))
    return lines
