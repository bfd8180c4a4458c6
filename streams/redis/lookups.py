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
from detector.policy.lists import DNO_LENGTHS, NUMBER_ENTITY, TRUNK_ENTITY
from detector.windows.trunks import TrunkShare, merge
from streams.redis.connection import (
    E164,
    LIST_NAMES,
    TRUNK_PARTITIONS,
    decision_key,
    entity_key,
    list_key,
    number_key,
    trunk_key,
)
from streams.redis.decisions import LATEST_PER_NUMBER

DECISION_ID_LENGTH = 32
MAX_PARTITIONS = 4_096
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
        lines.append(f"standing decision: {_standing_text(content['standing'])}")
        if content["kind"] == "number":
            lines += ["latest decisions:", *map(_short_line, content["decisions"])]
            return lines if content["decisions"] else [*lines[:-1], f"latest decisions: {NO_DECISIONS}"]
        return [*lines, *_window_lines(content["windows"], content["latest_ms"])]


async def find(redis: Redis, subject: str) -> Report:
    """Gather what is known of `subject`: a number, a decision id, or else a trunk group."""
    text = subject.strip()
    if text.startswith(NUMBER_ENTITY) or E164.fullmatch(text):
        return await _number(redis, text.removeprefix(NUMBER_ENTITY))
    if national := NATIONAL.fullmatch(text):
        return replace(await _number(redis, f"+1{national[1]}"), taken_for=f"{text} without its +1")
    if not text.startswith(TRUNK_ENTITY):
        decision = _json(await redis.get(decision_key(text)))
        if decision is not None or _is_decision_id(text):
            return Report({"kind": "decision", "subject": text, "decision": decision})
        return replace(await _trunk(redis, text), taken_for=TAKEN_FOR_TRUNK)
    return await _trunk(redis, text.removeprefix(TRUNK_ENTITY))


async def _number(redis: Redis, number: str) -> Report:
    content: dict[str, Any] = {"kind": "number", "subject": number}
    content["lists"] = await _lists_with(redis, number, LIST_NAMES[:-1])
    content["dno"] = await _dno(redis, number)
    if content["dno"]:
        content["lists"].append("dno")
    content["standing"] = _json(await redis.get(entity_key(NUMBER_ENTITY + number)))
    identifiers: list[Any] = await redis.lrange(number_key(number), 0, LATEST_PER_NUMBER - 1)
    keys = [decision_key(identifier.decode("utf-8", "replace")) for identifier in identifiers]
    found: list[Any] = await redis.mget(keys) if keys else []
    content["decisions"] = [decision for decision in map(_json, found) if decision is not None]
    return Report(content)


async def _trunk(redis: Redis, trunk: str) -> Report:
    content: dict[str, Any] = {"kind": "trunk", "subject": trunk}
    content["lists"] = await _lists_with(redis, TRUNK_ENTITY + trunk, ("allow", "block"))
    content["standing"] = _json(await redis.get(entity_key(TRUNK_ENTITY + trunk)))
    shares = await _shares(redis, trunk)
    merged = merge(shares) if shares else None
    content["partitions"] = len(shares)
    content["latest_ms"] = merged.latest_ms if merged else None
    content["windows"] = _totals(merged) if merged else {}
    return Report(content)


async def _lists_with(redis: Redis, entry: str, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if await redis.sismember(list_key(name), entry)]


async def _dno(redis: Redis, number: str) -> str | None:
    """Longest do-not-originate prefix of a North American number."""
    digits = number.removeprefix("+1")
    if not E164.fullmatch(number) or digits == number or len(digits) != DNO_LENGTHS[0]:
        return None
    for length in DNO_LENGTHS:
        if await redis.sismember(list_key("dno"), digits[:length]):
            return digits[:length]
    return None


async def _shares(redis: Redis, trunk: str) -> list[TrunkShare]:
    partitions: set[Any] = await redis.smembers(TRUNK_PARTITIONS)
    numbers = sorted(int(name) for name in partitions if name.isdigit())[:MAX_PARTITIONS]
    shares = []
    for partition in numbers:
        value: Any = await redis.hget(trunk_key(partition), trunk)
        try:
            share = TrunkShare.from_bytes(value) if value else None
        except ValueError:
            continue
        if share is not None and share.trunk_group_id == trunk:
            shares.append(share)
    return shares


def _totals(share: TrunkShare) -> dict[str, dict[str, int]]:
    """Totals of each window at the share's latest call; the oldest pane counts as far as the window overlaps it."""
    totals = {}
    for name, length_ms, panes in zip(WINDOW_NAMES, PANE_MS, share.panes, strict=True):
        sums = panes.sum(axis=0) - panes[0] * (share.latest_ms % length_ms / length_ms)
        totals[name] = {measure: round(float(total)) for measure, total in zip(MEASURES, sums, strict=True)}
    return totals


def _is_decision_id(text: str) -> bool:
    return len(text) == DECISION_ID_LENGTH and all(character in "0123456789abcdef" for character in text)


def _json(value: Any) -> dict[str, Any] | None:
    try:
        content = msgspec.json.decode(value) if value else None
    except (msgspec.MsgspecError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _time(value: Any) -> str:
    if not isinstance(value, int):
        return "?"
    return datetime.fromtimestamp(value / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _standing_text(standing: dict[str, Any] | None) -> str:
    if standing is None:
        return "none"
    since, until = _time(standing.get("since_ms")), _time(standing.get("expires_ms"))
    text = f"{standing.get('action')} as {standing.get('category')} by {standing.get('source')}, {since} until {until}"
    trunks = [f"by trunk {trunk}, unsigned" for trunk in standing.get("trunk_group_ids") or ()]
    meant = [*trunks, *(["signed"] if standing.get("signed") else [])]
    return f"{text}, of calls {' or '.join(meant)}" if meant else text


def _short_line(decision: dict[str, Any]) -> str:
    action = decision.get("would_be") or decision.get("action")
    shadow = " (shadow)" if decision.get("mode") == "shadow" else ""
    score = decision.get("score")
    scored = f", score {score:.3f}" if isinstance(score, float) else ""
    return (
        f"  {_time(decision.get('setup_time_ms'))}  {action}{shadow} by {decision.get('decided_by')}{scored}"
        f", to {decision.get('called_number')}  {decision.get('decision_id')}"
    )


def _decision_lines(decision: dict[str, Any]) -> list[str]:
    lines = [f"decision {decision.get('decision_id')}", _short_line(decision).strip()]
    lines.append(f"from {decision.get('calling_number')} by trunk {decision.get('trunk_group_id')}")
    reasons = decision.get("reasons")
    known = [reason for reason in reasons if isinstance(reason, dict)] if isinstance(reasons, list) else []
    lines += [f"because: {reason.get('text')} [{reason.get('code')}]" for reason in known]
    versions = ("model_version", "policy_version", "feature_schema")
    lines.append(", ".join(f"{name} {decision.get(name)}" for name in versions))
    return lines


def _window_lines(windows: dict[str, dict[str, int]], latest_ms: int | None) -> list[str]:
    if not windows:
        return ["windows: no calls in 25 hours, or no worker has told Redis"]
    lines = [f"windows at the latest call, {_time(latest_ms)}:"]
    lines.append("  " + "".join(f"{name:>12}" for name in ("", *SHOWN_MEASURES)))
    for name, counts in windows.items():
        lines.append("  " + f"{name:>12}" + "".join(f"{counts[measure]:>12}" for measure in SHOWN_MEASURES))
    return lines
