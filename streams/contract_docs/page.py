"""The generated parts of `docs/contract.md`: field tables, examples and the table of dead-letter codes.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; what is outside of these is written by hand.
"""

import json
import re
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from enum import EnumMeta
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from detector.contract.decisions import Decision, Label, Reason, SipAnswer
from detector.contract.events import CallEnd, CallSetup, Feedback
from streams.campaigns.records import CampaignCall, CampaignCell, CampaignMerge, CampaignRecord, CampaignVerdict
from streams.contract_docs.examples import SETUP, examples
from streams.wire.cases import Case, CaseEntry
from streams.wire.records import DeadLetter, EntityDecision, choices_of, may_be_longer
from streams.wire.refusals import CODE_MEANINGS

_PART = re.compile(r"(<!-- generated: (?P<name>[a-z_ ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_JSON_NAMES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", bytes: "base64 string"}
_JSON_NAMES |= {dict[str, int]: "object", dict[str, Any]: "object"}
_BOUND_TEXTS = {
    "min_length": "at least {} character",
    "max_length": "at most {} characters",
    "max_items": "at most {} items",
    "ge": "from {}",
    "le": "to {}",
}
_SHORTENED_TEXTS = {"max_length": "cut after {} characters", "max_items": "cut after {} items"}
"""Of fields of events that may be longer; `_HASHED_TEXTS` of their call id."""
_HASHED_TEXTS = {"max_length": "hashed beyond {} characters"}
_TABLES: dict[str, type[Any]] = {
    "call_setup": CallSetup,
    "call_end": CallEnd,
    "feedback": Feedback,
    "decision": Decision,
    "entity_decision": EntityDecision,
    "dead_letter": DeadLetter,
    "case": Case,
    "case_entry": CaseEntry,
    "label": Label,
    "reason": Reason,
    "sip": SipAnswer,
    "campaign": CampaignRecord,
    "campaign_verdict": CampaignVerdict,
    "campaign_cell": CampaignCell,
    "campaign_merge": CampaignMerge,
    "campaign_call": CampaignCall,
}
MEANINGS: dict[tuple[type[Any], str], str] = {
    (Label, "text"): "At most 15 ASCII characters for the called party, so that every display shows them whole.",
    (Label, "category"): "Category of the policy, for programs.",
    (
        Label,
        "long_text",
    ): "The same in up to 64 characters, for displays with room; null where the policy has none.",
    (Reason, "code"): "`model`, `rule`, `dno`, `late`, `overload`, ..., or the name of a feature; for programs.",
    (Reason, "text"): "One sentence for a person.",
    (Reason, "value"): "What was measured; null when nothing was.",
    (Reason, "threshold"): "What it was compared with; null when with nothing.",
    (SipAnswer, "status"): "Status code of the final response to the INVITE.",
    (SipAnswer, "reason_phrase"): "Reason phrase of its status line.",
    (SipAnswer, "reason_header"): "Value of its one Reason header, byte for byte; null: send none.",
}
"""Meaning of the fields of the objects inside of a decision."""

_OBJECTS = {
    Label: "label",
    Reason: "reason",
    SipAnswer: "sip",
    CaseEntry: "case_entry",
    CampaignCell: "campaign_cell",
    CampaignMerge: "campaign_merge",
    CampaignCall: "campaign_call",
}


def _type(hint: Any) -> str:
    """Name a type as JSON has it."""
    if get_origin(hint) in {Union, UnionType}:
        inner = [a for a in get_args(hint) if a is not NoneType]
        return f"{_type(inner[0])} or null"
    if get_origin(hint) in {list, tuple}:
        return f"list of {_type(get_args(hint)[0])}"
    if hint in _JSON_NAMES:
        return _JSON_NAMES[hint]
    if get_origin(hint) is dict:
        return f"object of {_type(get_args(hint)[0])} to {_type(get_args(hint)[1])}"
    if isinstance(hint, EnumMeta):
        return ", ".join(f"`{member.value}`" for member in hint)  # type: ignore[var-annotated]
    return f"object [{_OBJECTS[hint]}](#{_OBJECTS[hint]})"


def bounds_of(domain: type[Any], f: Field[Any]) -> str:
    """Say what bounds a field has, and what becomes of a value beyond them where that is not refused."""
    texts = _BOUND_TEXTS
    if domain in {CallSetup, CallEnd}:
        texts = texts | (_HASHED_TEXTS if f.name == "call_id" else _SHORTENED_TEXTS if may_be_longer(f) else {})
        if f.name in choices_of(domain):
            return "another value counts as null"
    return "; ".join(texts[name].format(value) for name, value in f.metadata.get("bounds", {}).items())


def _row(domain: type[Any], f: Field[Any], hint: Any) -> tuple[str, ...]:
    return (
        f"`{f.name}`",
        _type(hint),
        "yes" if f.default is MISSING else "no",
        bounds_of(domain, f),
        f.metadata.get("source", ""),
        f.metadata.get("doc") or MEANINGS[domain, f.name],
    )


def _table(domain: type[Any]) -> str:
    hints = get_type_hints(domain)
    rows = [_row(domain, f, hints[f.name]) for f in fields(domain)]
    if domain in {CallSetup, CallEnd}:
        tag = "call_setup" if domain is CallSetup else "call_end"
        rows.insert(0, ("`type`", f"`{tag}`", "yes", "", "", "Which event this is."))
    names = ("field", "type", "required", "bounds", "SIP source", "meaning")
    used = [column for column in range(len(names)) if any(row[column] for row in rows)]
    lines = [names, ("---",) * len(names), *rows]
    return "\n".join("| " + " | ".join(line[column] for column in used) + " |" for line in lines)


def _codes() -> str:
    rows = [f"| `{code}` | {meaning} |" for code, meaning in CODE_MEANINGS.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


def _example(name: str) -> str:
    example = next(e for e in examples() if e.name == name)
    value = json.dumps(json.loads(example.value), indent=2, ensure_ascii=False)
    key = f"key `{example.key}`" if example.key else "without a key"
    return f"{example.when} Topic `{example.topic}`, {key}:\n\n```json\n{value}\n```"


def _sip_bytes() -> str:
    """Show the response lines that the example block asks for."""
    block = next(json.loads(e.value) for e in examples() if e.name == "block")["sip"]
    return (
        f"```\nSIP/2.0 {block['status']} {block['reason_phrase']}\nReason: {block['reason_header']}\n```\n\n"
        f"(Call-ID of the example: `{SETUP.call_id}`.)"
    )


def _part(name: str) -> str:
    kind, _, what = name.partition(" ")
    parts: dict[str, Callable[[], str]] = {
        "table": lambda: _table(_TABLES[what]),
        "example": lambda: _example(what),
        "codes": _codes,
        "sip": _sip_bytes,
    }
    return parts[kind]()


def refresh(page: str) -> str:
    """Put the current text into every generated part of the page.

    Raises:
        KeyError: A part has a name that nothing generates.
    """
    return _PART.sub(lambda found: f"{found[1]}\n{_part(found['name'])}\n\n{found[3]}", page)
