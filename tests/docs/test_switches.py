"""Recipes in `docs/switches/`: files that are ours are loaded, our script is run, and what was not tried says so."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from streams.bridge.http.calls import answer, read_setup
from streams.bridge.peers import load_peers
from streams.bridge.records.mapping import load_columns
from streams.bridge.records.tables import rows_of
from streams.contract_docs.examples import examples
from streams.wire.records import DECISION_DECODER
from tests.processes import needs
from tests.streams.bridge.http.conftest import PEER

PAGES = Path(__file__).parents[2] / "docs" / "switches"
TRIED = {"kamailio", "kamailio-http"}
"""Pages that tests run with the software itself: tests/integration/bridge."""
NAMES = sorted(path.stem for path in PAGES.glob("*.md"))
DECISIONS = {
    one.name: DECISION_DECODER.decode(one.value)
    for one in examples()
    if one.name in {"allow", "label", "block", "shadow"}
}
LATE = answer("1@switch", None, "late").decode()


def blocks(name: str, language: str) -> list[str]:
    """Blocks of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (PAGES / f"{name}.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_files_of_peers_and_mappings_are_read(name: str, tmp_path: Path) -> None:
    """Every YAML block of a page is one of the two."""
    for text in blocks(name, "yaml"):
        file = tmp_path / "file.yaml"
        file.write_text(text, encoding="utf-8")
        if "peers" in yaml.safe_load(text):
            assert load_peers(file).all
        else:
            assert load_columns(file).fields


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_whether_it_was_tried(name: str) -> None:
    """In its first lines."""
    head = (PAGES / f"{name}.md").read_text(encoding="utf-8")[:900]
    assert ("not tried" in head, "Tried with" in head) == (name not in TRIED, name in TRIED)


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        (
            "asterisk",
            {
                "id": "1760000006.7", "src": "+12025550101", "dst": "+13125550142", "dstchannel": "PJSIP/carrier-1",
                "answer": "2025-10-09 03:53:26", "end": "2025-10-09 03:53:29", "disposition": "ANSWERED",
                "treatment": "", "decision_id": "d-1",
            },
            {"end_time_ms": 1_760_000_009_000, "answer_time_ms": 1_760_000_006_000, "sip_status": 200},
        ),
        (
            "oracle",
            {
                "status": "2", "session": "a@b", "calling": "+12025550101", "called": "+13125550142", "realm": "access",
                "connected": "08:53:26.100 UTC OCT 09 2025", "ended": "08:53:29.400 UTC OCT 09 2025", "cause": "16",
            },
            {"end_time_ms": 1_760_000_009_400, "answer_time_ms": 1_760_000_006_100, "sip_status": 200},
        ),
        (
            "ribbon",
            {
                "record": "STOP", "call_id": "a@b", "calling_number": "+12025550101", "called_number": "+13125550142",
                "ingress_trunk_group": "TG1", "disconnect_time": "10/09/2025 03:53:29",
                "answer_time": "10/09/2025 03:53:26", "disconnect_reason": "16",
            },
            {"end_time_ms": 1_760_000_009_000, "answer_time_ms": 1_760_000_006_000, "q850_cause": 16},
        ),
    ],
)  # fmt: skip
def test_a_row_of_records_is_an_end(name: str, row: dict[str, str], expected: dict[str, Any], tmp_path: Path) -> None:
    """Rows are made up; what a switch writes is its own affair, as the pages say."""
    mapping, table = tmp_path / "mapping.yaml", tmp_path / "cdr.csv"
    (text,) = [text for text in blocks(name, "yaml") if "peers" not in yaml.safe_load(text)]
    mapping.write_text(text, encoding="utf-8")
    table.write_text(f"{','.join(row)}\n{','.join(row.values())}\n", encoding="utf-8")

    (found,) = rows_of(table, load_columns(mapping))

    assert found.end is not None, found.complaint
    assert expected.items() <= found.end.items()


STAGE = r"""
local variables = {sip_call_id = "1@switch", caller_id_number = 'a"b\\c+12025550101'}
variables.destination_number = "+13125550142"
session = {
  getVariable = function(_, name) return variables[name] end,
  setVariable = function(_, name, value) print("set", name, value) end,
  execute = function(_, application, data) print("execute", application, data) end,
}
freeswitch = {API = function() return {execute = function(_, command, data)
  print("asked", command, data)
  return os.getenv("ANSWER")
end} end}
"""


def freeswitch(answered: str) -> list[list[str]]:
    """What the script of FreeSWITCH's page does with an answer of the bridge, word by word."""
    lua = needs("lua5.4", "lua5.4", "lua5.3", "lua")
    (script,) = blocks("freeswitch", "lua")
    done = subprocess.run(
        [lua, "-"], input=STAGE + script, env={"ANSWER": answered}, capture_output=True, text=True, check=True
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_freeswitch_asks_about_the_call_whatever_is_in_its_numbers() -> None:
    """mod_curl splits its arguments at spaces, and decodes the last."""
    _, command, data = freeswitch("")[0]

    *_, method, body = data.split(" ")
    assert (command, method) == ("curl", "post")
    setup = read_setup(unquote(body).encode(), PEER, 1_760_000_000_000)
    assert (setup["call_id"], setup["called_number"]) == ("1@switch", "+13125550142")
    assert json.loads(unquote(body))["calling_number"] == 'a"b\\c+12025550101'


@pytest.mark.parametrize("answered", ["", "no JSON", '{"title":"x","status":401}', LATE])
def test_freeswitch_routes_a_call_that_nobody_decided(answered: str) -> None:
    """And its record says so."""
    did = freeswitch(answered)[1:]

    assert did == [["set", "robocall_treatment", "timeout"]]


def test_freeswitch_blocks_with_the_bytes_of_the_decision() -> None:
    """Status and phrase by `respond`, the Reason as a header of the response."""
    decision = DECISIONS["block"]
    assert decision.sip is not None

    did = freeswitch(answer(None, decision, None).decode())

    assert did[-1] == ["execute", "respond", f"{decision.sip.status} {decision.sip.reason_phrase}"]
    assert ["set", "sip_rh_Reason", decision.sip.reason_header] in did
    assert ["set", "robocall_decision_id", decision.decision_id] in did
    assert ["set", "robocall_setup_time_ms", str(decision.setup_time_ms)] in did


@pytest.mark.parametrize("name", sorted(set(DECISIONS) - {"block"}))
def test_freeswitch_lets_all_other_calls_pass(name: str) -> None:
    """A label is shown as the caller's name."""
    decision = DECISIONS[name]

    did = freeswitch(answer(None, decision, None).decode())

    assert not [one for one in did if one[0] == "execute"]
    assert ["set", "robocall_treatment", decision.action] in did
    shown = [value for _, variable, value in did[1:] if variable == "effective_caller_id_name"]
    assert shown == ([decision.label.text] if decision.label else [])
