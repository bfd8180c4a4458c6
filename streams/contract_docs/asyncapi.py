"""The contract as an AsyncAPI 3.0 document, `docs/asyncapi.json`, from the code.

Operations are named from the detector's point of view: it receives events and feedback and sends the rest.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from detector.contract.decisions import Decision
from detector.contract.events import CallEnd, CallSetup, Feedback
from detector.policy.settings import DISPLAY_LIMIT
from streams.campaigns.records import CampaignCall, CampaignCell, CampaignMerge, CampaignRecord, CampaignVerdict
from streams.contract_docs import page
from streams.contract_docs.examples import examples
from streams.kafka.topics import TOPIC_BY_NAME
from streams.wire import records
from streams.wire.cases import Case, CaseEntry
from streams.wire.refusals import CODE_MEANINGS

CONTRACT_VERSION = "1.0.0"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a channel: its name, its wire record and the dataclass that documents it."""

    name: str
    record: Any
    domain: type[Any]


@dataclass(frozen=True, slots=True)
class Channel:
    """A topic: its key, what is in it, and whether the detector `receive`s or `send`s."""

    topic: str
    key: str
    action: str
    summary: str
    messages: tuple[Message, ...]


CHANNELS: tuple[Channel, ...] = (
    Channel(
        "call-events",
        "`calling_number`, exactly as in the value",
        "receive",
        "Call attempts and their ends, from the switches.",
        (Message("call_setup", records.SetupRecord, CallSetup), Message("call_end", records.EndRecord, CallEnd)),
    ),
    Channel(
        "call-decisions",
        "`switch_id` if present, else `call_id`",
        "send",
        "One decision for each call_setup.",
        (Message("decision", records.DecisionRecord, Decision),),
    ),
    Channel(
        "entity-decisions",
        "`number:` and the E.164 number, or `trunk:` and the trunk group",
        "send",
        "Standing blocks and labels with their expiry; a null value deletes.",
        (Message("entity_decision", records.EntityDecisionRecord, records.EntityDecision),),
    ),
    Channel(
        "call-feedback",
        "`calling_number`",
        "receive",
        "Verdicts of people and honeypots on calls and numbers.",
        (Message("feedback", records.FeedbackRecord, Feedback),),
    ),
    Channel(
        "scored-calls",
        "`calling_number`",
        "send",
        "A sample of decisions with the features that they were taken on.",
        (Message("scored_call", records.ScoredCallRecord, Decision),),
    ),
    Channel(
        "dead-letters",
        "key of the refused record",
        "send",
        "Records that could not be used, with the reason.",
        (Message("dead_letter", records.DeadLetterRecord, records.DeadLetter),),
    ),
    Channel(
        "case-records",
        "`case_id`",
        "send",
        "What people did, a whole case in each record; a null value deletes.",
        (Message("case", Case, Case),),
    ),
    Channel(
        "campaigns",
        "id of the campaign, or `verdict:` and that id",
        "send",
        "Suspect calls grouped to campaigns, and what people said of them; a null value deletes.",
        (
            Message("campaign", CampaignRecord, CampaignRecord),
            Message("campaign_verdict", CampaignVerdict, CampaignVerdict),
        ),
    ),
)


def describe(schema: dict[str, Any], message: Message) -> None:
    """Put the meaning and the SIP source of each field into the schema of its record."""
    schema["title"] = message.name
    for f in fields(message.domain):
        source = f.metadata.get("source")
        text = f"{f.metadata['doc']} Source: {source}." if source else f.metadata["doc"]
        bounds = page.bounds_of(message.domain, f)
        if "cut" in bounds or "hashed" in bounds:
            text = f"{text} Longer ones are accepted: {bounds}."
        elif "counts as null" in bounds:
            text = f"{text} {bounds.capitalize()}."
        schema["properties"][f.name]["description"] = text
    if "type" in schema["properties"]:
        schema["properties"]["type"] = {"const": message.name, "description": "Which event this is."}


def _schemas(messages: Sequence[Message]) -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(
        [m.record for m in messages], ref_template="#/components/schemas/{name}"
    )
    for message in messages:
        describe(schemas[message.record.__name__], message)
    for inner in (CaseEntry, CampaignCell, CampaignMerge, CampaignCall):
        describe(schemas[inner.__name__], Message(inner.__name__, inner, inner))
    for (domain, name), meaning in page.MEANINGS.items():
        schemas[domain.__name__]["properties"][name]["description"] = meaning
    schemas["Label"]["properties"]["text"] |= {"minLength": 1, "maxLength": DISPLAY_LIMIT}
    schemas["DeadLetterRecord"]["properties"]["code"]["enum"] = [str(code) for code in CODE_MEANINGS]
    return schemas


def _message(message: Message, channel: Channel) -> dict[str, Any]:
    shown = [e for e in examples() if e.topic == channel.topic and (e.topic != "call-events" or e.name == message.name)]
    made: dict[str, Any] = {
        "name": message.name,
        "title": message.name,
        "summary": (message.domain.__doc__ or "").splitlines()[0],
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{message.record.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": channel.key}}},
    }
    if shown:
        made["examples"] = [{"name": e.name, "summary": e.when, "payload": json.loads(e.value)} for e in shown]
    return made


def _kept(topic: str) -> dict[str, Any]:
    config = TOPIC_BY_NAME[topic].config()
    kept: dict[str, Any] = {"cleanup.policy": [config["cleanup.policy"]]}
    if "retention.ms" in config:
        kept["retention.ms"] = int(config["retention.ms"])
    return kept


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "address": channel.topic,
        "description": f"{channel.summary} Key: {channel.key}; partitioned by murmur2.",
        "messages": {m.name: {"$ref": f"#/components/messages/{m.name}"} for m in channel.messages},
        "bindings": {"kafka": {"topic": channel.topic, "topicConfiguration": _kept(channel.topic)}},
    }


def _operation(channel: Channel) -> dict[str, Any]:
    reference = f"#/channels/{channel.topic}"
    return {
        "action": channel.action,
        "channel": {"$ref": reference},
        "summary": channel.summary,
        "messages": [{"$ref": f"{reference}/messages/{m.name}"} for m in channel.messages],
    }


def document() -> dict[str, Any]:
    """Build the AsyncAPI document."""
    messages = [m for channel in CHANNELS for m in channel.messages]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Robocall detector",
            "version": CONTRACT_VERSION,
            "description": "Call events in, decisions out. An event is UTF-8 JSON of at most 16 KiB; unknown fields "
            "are ignored; times are epoch milliseconds UTC.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {c.topic: _channel(c) for c in CHANNELS},
        "operations": {f"{c.action}-{c.topic}": _operation(c) for c in CHANNELS},
        "components": {
            "messages": {m.name: _message(m, c) for c in CHANNELS for m in c.messages},
            "schemas": _schemas(messages),
        },
    }


def rendered() -> str:
    """Give the text that the file should have."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"
