"""The published contract is the code's contract: current, whole, and with examples that are real records."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detector.columns.decision_ids import decision_id
from detector.contract.decisions import Decision, Mode, Step
from detector.contract.events import MAX_RECORD_BYTES
from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED, load
from streams.campaigns.records import VERDICT_DECODER, CampaignRecord
from streams.contract_docs import asyncapi, page
from streams.contract_docs.examples import SETUP, Example, examples
from streams.kafka.topics import TOPIC_BY_NAME
from streams.screening.policy_file import load_policy
from streams.wire import records
from streams.wire.cases import CASE_DECODER
from streams.wire.reading import read
from streams.wire.record_columns import records_of
from streams.wire.refusals import Code

CONTRACT = Path(__file__).parents[3] / "docs" / "contract.md"
EXAMPLES = {e.name: e for e in examples()}
DECODERS: dict[str, Any] = {
    "call-events": records.EVENT_DECODER,
    "call-decisions": records.DECISION_DECODER,
    "entity-decisions": records.ENTITY_DECISION_DECODER,
    "call-feedback": records.FEEDBACK_DECODER,
    "campaigns": msgspec.json.Decoder(CampaignRecord),
    "campaign_verdict": VERDICT_DECODER,
    "dead-letters": msgspec.json.Decoder(records.DeadLetterRecord),
    "case-records": CASE_DECODER,
}
# FreeSWITCH's test for a 603+, in its words: the Reason text starts like this.
SIX_O_THREE_PLUS = re.compile(
    r'SIP;cause=603;text="v=analytics1;url=https://[^";]+;id=(?P<id>[A-Za-z0-9_-]{1,64})";location=(LN|TN|RLN)'
)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(child)


def _resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for name in reference.removeprefix("#/").split("/"):
        node = node[name]
    return node


def _decision(name: str) -> Decision:
    return records.DECISION_DECODER.decode(EXAMPLES[name].value)


def test_examples_name_versions_as_real_decisions_do() -> None:
    """Model, policy and feature table: the prefix and the number of digits are those of this build."""
    decision = _decision("block")
    shown = (decision.model_version, decision.policy_version, decision.feature_schema)
    real = (load(SHIPPED, schema_id=FEATURE_SCHEMA_ID).version, load_policy(None).version, FEATURE_SCHEMA_ID)

    assert [re.sub(r"[0-9a-f]{12}$", "...", one) for one in shown] == ["gbt-...", "p1-...", "f2-..."]
    assert [re.sub(r"[0-9a-f]{12}$", "...", one) for one in real] == ["gbt-...", "p1-...", "f2-..."]


def test_every_reference_resolves() -> None:
    """No `$ref` points nowhere, and every component is used."""
    document = asyncapi.document()
    references = {node["$ref"] for node in _nodes(document) if "$ref" in node}

    for reference in references:
        assert isinstance(_resolve(document, reference), dict), reference
    for kind in ("messages", "schemas"):
        assert {f"#/components/{kind}/{name}" for name in document["components"][kind]} <= references


def test_document_has_what_asyncapi_3_requires() -> None:
    """Version, info, an address for each channel, action and channel for each operation, messages of that channel."""
    document = asyncapi.document()

    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    assert {c["address"] for c in document["channels"].values()} == set(document["channels"]) == set(TOPIC_BY_NAME)
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        assert operation["action"] in {"send", "receive"}
        assert all(m["$ref"].startswith(f"{channel}/messages/") for m in operation["messages"])


def test_every_field_is_described() -> None:
    """No field of any record is without words."""
    for name, schema in asyncapi.document()["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert described.get("description"), f"{name}.{field}"


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_example_is_a_real_record(example: Example) -> None:
    """It decodes, and encodes to no other content."""
    decoded = json.loads(records.encode(DECODERS.get(example.name, DECODERS[example.topic]).decode(example.value)))

    assert {k: v for k, v in decoded.items() if v is not None} == {
        k: v for k, v in json.loads(example.value).items() if v is not None
    }


def test_page_has_every_example_and_object() -> None:
    """What is generated stands on the page."""
    page = CONTRACT.read_text(encoding="utf-8")

    for name in EXAMPLES:
        assert f"<!-- generated: example {name} -->" in page
    for code in Code:
        assert f"| `{code}` |" in page


def test_command_on_the_page_publishes_a_valid_event() -> None:
    """The kcat example has the right key, and a value that intake accepts."""
    page = CONTRACT.read_text(encoding="utf-8")
    key, _, value = next(line for line in page.splitlines() if line.startswith("+1")).partition("|")

    assert [event.calling_number for event in read(records_of([value.encode()])).events] == [key]


def test_block_is_a_603_plus_that_names_its_decision() -> None:
    """Both tests of a 603+ hold, and the id leads back to the decision."""
    block = _decision("block")

    assert block.sip is not None
    assert block.sip.reason_header is not None
    assert (block.sip.status, block.sip.reason_phrase) == (603, "Network Blocked")
    found = SIX_O_THREE_PLUS.fullmatch(block.sip.reason_header)
    assert found is not None
    assert found["id"] == block.decision_id == decision_id(SETUP)
    assert f"Reason: {block.sip.reason_header}\n" in CONTRACT.read_text(encoding="utf-8")


def test_examples_show_the_forms_of_a_decision() -> None:
    """Each says what its name says."""
    dno, shadow, failed, label = _decision("dno"), _decision("shadow"), _decision("fail_open"), _decision("label").label

    assert dno.sip is not None
    assert dno.sip.reason_header is None
    assert (shadow.action, shadow.would_be, shadow.mode, shadow.sip) == ("allow", "block", Mode.SHADOW, None)
    assert (failed.action, failed.decided_by) == ("allow", Step.FAIL_OPEN)
    assert label is not None
    assert len(label.text) <= 15 < len(label.long_text or "")
    assert _decision("allow").reasons == ()


def test_page_refuses_an_unknown_part() -> None:
    """A misspelt marker is an error and not an empty table."""
    with pytest.raises(KeyError):
        page.refresh("<!-- generated: tabel call_setup -->\n<!-- end -->")


def test_size_limit_on_the_page_is_the_limit() -> None:
    """The page says 16 KiB by hand."""
    assert MAX_RECORD_BYTES == 16 * 1024
