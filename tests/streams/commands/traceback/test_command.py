"""`robocall traceback` as people use it: answer requests from an archive, open, import, show, export, close."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.cases import doctor
from streams.cases.recording import done
from streams.commands.cases.due import DUE
from streams.commands.traceback import answer
from streams.commands.traceback.command import traceback
from streams.kafka.topics import CALL_EVENTS
from streams.settings import load_settings
from streams.traceback.casework import answers_in
from streams.wire.cases import Case, CaseKind
from tests.streams.archive.archive_case import SECRET, START_MS, encoded, put, put_around, setup

REGISTER = """
upstreams:
  - {trunk_group_id: nyc-ix-7, legal_name: West Voice, role: intermediate, ocn: "2000", country: US}
  - {trunk_group_id: pbx-9, legal_name: A Dialler Ltd, role: customer, contact: office@dialler.example}
"""
ROW = {"traceback_id": "ITG-1", "called_number": "303-555-0142", "calling_number": "(202) 555-0003"}
ORIGIN = {"provider": {"name": "Origin"}, "status": "end_customer", "customer": {"name": "Dialler"}}
TIME = "2026-05-28 16:26:43"  # of call 3, in New York


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str | None]:
    (tmp_path / "upstreams.yaml").write_text(REGISTER)
    return {
        "ROBOCALL_ARCHIVE_URL": str(tmp_path / "archive"), "ROBOCALL_UPSTREAMS_FILE": str(tmp_path / "upstreams.yaml"),
        "ROBOCALL_TRACEBACK_NAME": "Our Network", "ROBOCALL_TRACEBACK_OCN": "1000",
        "ROBOCALL_TRACEBACK_ZONE": "America/Denver", "ROBOCALL_CASES_OPERATOR": "M. Lee",
        "ROBOCALL_CASES_RECORD": "true", "ROBOCALL_CASES_SPOOL": str(tmp_path / "spool"),
    }  # fmt: skip


@pytest.fixture
def store(environment: dict[str, str | None]) -> ArchiveStore:
    return ArchiveStore(str(environment["ROBOCALL_ARCHIVE_URL"]))


def run(environment: dict[str, str | None], *arguments: str, status: int = 0) -> Result:
    done = CliRunner().invoke(traceback, arguments, env=environment)
    assert done.exit_code == status, (done.output, done.exception)
    return done


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def asked(tmp_path: Path, *rows: dict[str, Any]) -> str:
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_requests_of_a_table_are_answered(
    environment: dict[str, str | None], store: ArchiveStore, tmp_path: Path
) -> None:
    """Found, our own customer, not found, ambiguous; a line that cannot be read is told, and the status says so."""
    events = [setup(n, source_ip="192.0.2.7") for n in range(5)]
    events += [setup(7, trunk_group_id="pbx-9"), setup(8), setup(8, call_id="again", setup_time_ms=START_MS + 60_000)]
    put(store, CALL_EVENTS, [encoded(one) for one in events], first=1)
    put_around(store, first=9)
    (tmp_path / "requests.csv").write_text(
        "traceback_id,called_number,calling_number,time,received\n"
        f"ITG-1,303-555-0142,(202) 555-0003,{TIME},2026-05-29 15:00\n"
        f"ITG-2,303-555-0142,202-555-0007,{TIME},2026-05-29 15:00\n"
        f"ITG-3,303-555-0142,202-555-0008,{TIME},2026-05-29 15:00\n"
        f"ITG-4,303-555-0142,202-555-0042,{TIME},2026-05-29 15:00\n"
        f"ITG-5,nobody,202-555-0042,{TIME},2026-05-29 15:00\n"
        "ITG-6,303-555-0142,202-555-0042,2026-05-20 16:26,2026-05-29 15:00\n"
    )
    arguments = ("answer", str(tmp_path / "requests.csv"), "--zone", "America/New_York", "--no-record")
    done = run(environment, *arguments, "--action", "pbx-9=terminated", "--json", status=1)
    answers = {one["traceback_id"]: one for one in lines(done.stdout)}
    found = answers["ITG-1"]["hop"]
    assert (found["status"], found["received_from"]["ocn"], found["ingress_trunk"]) == ("found", "2000", "nyc-ix-7")
    assert (found["source_ip"], found["call_id"], found["provider"]["name"]) == ("192.0.2.7", "call-3", "Our Network")
    assert answers["ITG-2"]["hop"]["customer"]["action"] == "terminated"
    assert [one["call_id"] for one in answers["ITG-3"]["hop"]["candidates"]] == ["call-8", "again"]
    assert answers["ITG-4"]["hop"]["status"] == "not_found"
    assert "line 6 has a called_number that is no phone number" in done.stderr
    assert "line 7 cannot be answered: the archive begins after 2026-05-20 20:21:00 UTC" in done.stderr
    assert "ITG-6" not in answers
    # Friday at 13:00 in Denver: due on Monday at 13:00, which is 19:00 UTC
    assert answers["ITG-1"]["due_ms"] == 1_780_340_400_000


def test_an_archive_of_digests_answers_too(
    environment: dict[str, str | None], store: ArchiveStore, tmp_path: Path
) -> None:
    put(store, CALL_EVENTS, [encoded(setup(n)) for n in range(5)], key=NumberKey(SECRET))
    environment["ROBOCALL_ARCHIVE_NUMBER_KEY"] = SECRET
    path = asked(tmp_path, ROW | {"time": START_MS})
    (answer,) = lines(run(environment, "answer", path, "--no-record", "--out", "-").stdout)
    assert answer["hop"]["received_from"]["name"] == "West Voice"
    refused = run(environment, "open", "--call-id", "call-3", "--why", "test", status=2)
    assert "give --called, --calling, --at" in refused.stderr


def test_who_forwarded_a_call_is_told_by_an_archive_that_has_numbers(
    environment: dict[str, str | None], store: ArchiveStore, tmp_path: Path
) -> None:
    forwarded = setup(3, own_verstat="TN-Validation-Passed", own_diverted_from="+13035550177", own_forwarder_spc="72")
    put(store, CALL_EVENTS, [encoded(forwarded)])
    path = asked(tmp_path, ROW | {"time": START_MS})
    (answer,) = lines(run(environment, "answer", path, "--no-record", "--json").stdout)
    assert (answer["hop"]["diverted_from"], answer["hop"]["forwarder_spc"]) == ("+13035550177", "72")


@pytest.mark.parametrize(
    ("left_out", "message"),
    [("ROBOCALL_TRACEBACK_NAME", "legal name"), ("ROBOCALL_TRACEBACK_ZONE", "America/Denver")],
)
def test_who_and_where_we_are_must_be_said(
    environment: dict[str, str | None], tmp_path: Path, left_out: str, message: str
) -> None:
    environment[left_out] = None
    done = run(environment, "answer", asked(tmp_path, ROW), "--no-record", status=1)
    assert message in str(done.exception)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n[]\n', "line 2: no JSON object"), ('{"a": ', "line 1: no JSON"), ("\udcff", "in UTF-8"),
        ('[{"a": 1}]', "one object a line is wanted, `jq -c '.[]'`"), ("", "no row"), ("\n\n", "no row"),
        ("traceback_id,time\n", "no row"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_its_line(
    environment: dict[str, str | None], tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(content.encode(errors="surrogateescape"))
    done = run(environment, "answer", str(path), "--no-record", status=1)
    assert message in str(done.exception)


def test_answers_are_recorded_whole_however_much_they_say(
    environment: dict[str, str | None], store: ArchiveStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eighty that are ambiguous among twenty calls with long ids: more than one case takes."""
    calls = [setup(3, call_id=f"{n:0128}", setup_time_ms=START_MS + 1_000 * n) for n in range(20)]
    put(store, CALL_EVENTS, [encoded(one) for one in calls])
    made: list[Case] = []

    def kept(kind: CaseKind, what: str, **more: Any) -> None:
        made.append(done(kind, what, who="M. Lee", **more))  # which raises where a case is too large

    monkeypatch.setattr(answer, "record", kept)
    rows = [ROW | {"traceback_id": f"ITG-{n}", "time": START_MS, "requester": "I" * 500 + str(n)} for n in range(80)]
    run(environment, "answer", asked(tmp_path, *rows), "--why", "w" * 900, "--out", str(tmp_path / "out.jsonl"))
    answered = [one for case in made for one in answers_in(case)]
    assert [one.traceback_id for one in answered] == [f"ITG-{n}" for n in range(80)]
    assert {len(one.hop.candidates) for one in answered} == {20}
    assert len(made) == 2


def test_half_a_character_spoils_one_line_and_not_the_others(
    environment: dict[str, str | None], store: ArchiveStore, tmp_path: Path
) -> None:
    put(store, CALL_EVENTS, [encoded(setup(3))])
    row = ROW | {"time": START_MS}
    path = asked(tmp_path, row | {"traceback_id": "\ud800"}, row, row | {"requester": "\udfff"})
    done = run(environment, "answer", path, "--no-record", "--json", status=1)
    assert [one["traceback_id"] for one in lines(done.stdout)] == ["ITG-1"]
    assert "line 1 has half a character, which cannot be written, in traceback_id" in done.stderr
    assert "line 3 has half a character, which cannot be written, in requester" in done.stderr
    said = {"traceback_id": "t", "hop": {"provider": {"name": "\ud800"}, "status": "no_response"}}
    refused = run(environment, "import", asked(tmp_path, said), status=1)
    assert "line 1: half a character" in str(refused.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say which calls"),
        (("--called", "+13035550142"), "belong together"),
        (("--call-id", "x", "--from", "2026-05-28"), "belong together"),
        (("--called", "x", "--calling", "y", "--at", "z"), "cannot be read"),
    ],
)
def test_calls_must_be_said_whole(environment: dict[str, str | None], arguments: tuple[str, ...], message: str) -> None:
    assert message in run(environment, "open", "--why", "test", *arguments, status=2).stderr


@pytest.fixture
def archived_ms(
    environment: dict[str, str | None],
    store: ArchiveStore,
    kafka_bootstrap: str,
    fresh_topics: Callable[[int], list[str]],
) -> int:
    """Now; four calls of an hour ago are in the archive, and a broker takes cases."""
    fresh_topics(2)
    environment["ROBOCALL_KAFKA_BOOTSTRAP_SERVERS"] = kafka_bootstrap
    now_ms = time.time_ns() // 1_000_000
    calls = [setup(n, setup_time_ms=now_ms - 3_600_000 - 1_000 * n, called_number=f"+1303555{n:04}") for n in range(4)]
    put(store, CALL_EVENTS, [encoded(one) for one in calls], at_ms=now_ms - 3_600_000)
    return now_ms


def opened_of(environment: dict[str, str | None], *call_ids: str) -> list[str]:
    """Open calls, and return their cases."""
    calls = [word for call_id in call_ids for word in ("--call-id", call_id)]
    return [one["traceback_id"] for one in lines(run(environment, "open", *calls, "--why", "w", "--json").stdout)]


def replied(tmp_path: Path, traced: str, hop: dict[str, Any]) -> str:
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"traceback_id": traced, "hop": hop}) + "\n")
    return str(path)


@pytest.mark.kafka
@pytest.mark.usefixtures("archived_ms")
def test_calls_of_a_campaign_are_opened_once(environment: dict[str, str | None], tmp_path: Path) -> None:
    campaign = tmp_path / "campaign.jsonl"
    campaign.write_text(json.dumps({"id": "cmp-1", "examples": [{"call_id": f"call-{n}"} for n in range(3)]}) + "\n")
    arguments = ("--calls", str(campaign), "--call-id", "call-3", "--examples", "2", "--campaign", "cmp-1")
    opened = lines(run(environment, "open", *arguments, "--why", "car warranty", "--json").stdout)
    assert [one["hops"][0]["call_id"] for one in opened] == ["call-0", "call-1"]
    traced = opened[0]["traceback_id"]
    again = run(environment, "open", "--call-id", "call-0", "--why", "car warranty", status=1)
    assert f"there is a case already, nothing is opened: `robocall traceback show` {traced}" in str(again.exception)
    one_more = run(environment, "open", "--call-id", "call-0", "--call-id", "call-2", "--why", "w", "--json")
    assert [one["hops"][0]["call_id"] for one in lines(one_more.stdout)] == ["call-2"]
    assert f"{traced}: there is a case already" in one_more.stderr
    run(environment, "close", lines(one_more.stdout)[0]["traceback_id"], "--why", "only a try")
    assert "open at West Voice, OCN 2000" in run(environment, "list").stdout

    campaign.write_text('{"id": "cmp-1"}\n')
    assert "has no call_id" in str(run(environment, "open", "--calls", str(campaign), "--why", "w", status=1).exception)


@pytest.mark.kafka
def test_whose_answer_is_overdue_is_said(
    environment: dict[str, str | None], archived_ms: int, kafka_bootstrap: str
) -> None:
    opened_of(environment, "call-0", "call-1")
    run(environment, "list", "--overdue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: (archived_ms + 7 * 86_400_000) * 1_000_000)
        assert len(run(environment, "list", "--overdue", status=1).stdout.splitlines()) == 2
        said = list(doctor.told(load_settings(kafka_bootstrap_servers=kafka_bootstrap), DUE))
    late = "traceback: 2 of 2 should have had an answer: `robocall traceback list --overdue`"
    assert said[:2] == [(True, "redress: 0 wait for an answer, none is overdue"), (False, late)]


@pytest.mark.kafka
@pytest.mark.usefixtures("archived_ms")
def test_answers_lead_from_a_call_to_its_source(environment: dict[str, str | None], tmp_path: Path) -> None:
    """Two carriers answer; one contradicts itself, and is corrected. Then it is exported in every form."""
    (traced,) = opened_of(environment, "call-0")
    west = {
        "provider": {"ocn": "2000"}, "status": "found", "received_from": {"name": "Origin"}, "sent_to": {"ocn": "1000"},
    }  # fmt: skip
    assert "open at Origin" in run(environment, "import", replied(tmp_path, traced, west)).stdout
    answers = replied(tmp_path, traced, ORIGIN)
    refused = run(environment, "import", answers, "--from", "West Voice", status=1)
    assert "an answer of Origin is not one of West Voice: nothing is added" in refused.stderr
    done = run(environment, "import", answers, "--from", "Origin", "--why", "mail")
    assert "closed  entered at Origin" in done.stdout
    contradicted = run(environment, "import", replied(tmp_path, traced, ORIGIN | {"status": "not_found"})).stdout
    assert "open  not_found at Origin" in contradicted
    assert "contradictions: 2" in contradicted
    answers = replied(tmp_path, traced, ORIGIN)
    corrected = run(environment, "import", answers, "--correction", "--why", "they searched again")
    assert "closed  entered at Origin, due" in corrected.stdout

    shown = run(environment, "show", traced)
    assert "it entered at Origin (end_customer)" in shown.stdout
    assert "M. Lee: imported, from Origin: mail" in shown.stdout
    assert "M. Lee: corrected, they searched again" in shown.stdout
    exported = json.loads(run(environment, "export", traced).stdout)
    assert exported["path"]["entry"] == {"name": "Origin"}
    assert json.loads(run(environment, "show", traced, "--json").stdout)["path"]["entry"] == {"name": "Origin"}
    run(environment, "export", traced, "--form", "html", "--out", str(tmp_path / "page.html"))
    assert "The call entered at" in (tmp_path / "page.html").read_text()
    assert run(environment, "export", traced, "--form", "csv").stdout.count("\n") == 4
    run(environment, "export", traced, "--form", "request", "--out", str(tmp_path / "ask.jsonl"))
    (answered,) = lines(run(environment, "answer", str(tmp_path / "ask.jsonl"), "--no-record", "--json").stdout)
    assert (answered["traceback_id"], answered["hop"]["call_id"]) == (traced, "call-0")


@pytest.mark.kafka
def test_a_request_of_others_is_listed_beside_our_own(
    environment: dict[str, str | None], archived_ms: int, tmp_path: Path
) -> None:
    (ours,) = opened_of(environment, "call-1")
    request = ROW | {"called_number": "3035550003", "time": archived_ms - 3_603_000, "requester": "ITG"}
    run(environment, "answer", asked(tmp_path, request), "--why", "portal", "--out", str(tmp_path / "out.jsonl"))
    run(environment, "close", ours, "--why", "too old")
    listed = lines(run(environment, "list", "--json").stdout)
    assert {one["subject"]: one["state"] for one in listed}["request:ITG-1"] == "closed"
    assert [one["state"] for one in listed] == ["closed", "closed"]


@pytest.mark.kafka
@pytest.mark.usefixtures("archived_ms")
def test_an_answer_that_is_of_no_case_or_none_at_all_is_refused(
    environment: dict[str, str | None], tmp_path: Path
) -> None:
    (traced,) = opened_of(environment, "call-0")
    unknown = replied(tmp_path, "traceback-0", ORIGIN)
    assert "no case traceback-0" in run(environment, "import", unknown, status=1).stderr
    odd = replied(tmp_path, traced, {"provider": {}, "status": "maybe"})
    assert "line 1" in str(run(environment, "import", odd, status=1).exception)


@pytest.mark.kafka
def test_a_call_of_digests_is_opened_by_its_numbers_which_the_case_keeps(
    environment: dict[str, str | None],
    store: ArchiveStore,
    kafka_bootstrap: str,
    fresh_topics: Callable[[int], list[str]],
) -> None:
    fresh_topics(1)
    environment |= {"ROBOCALL_KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap, "ROBOCALL_ARCHIVE_NUMBER_KEY": SECRET}
    again = setup(8, call_id="again", setup_time_ms=START_MS + 60_000)
    put(store, CALL_EVENTS, [encoded(one) for one in (setup(3), setup(8), again)], key=NumberKey(SECRET))
    call = ("--called", "303-555-0142", "--at", TIME, "--zone", "America/New_York", "--why", "complaint")
    done = run(environment, "open", *call, "--calling", "202-555-0003", "--json")
    (opened,) = lines(done.stdout)
    assert (opened["call"]["called_number"], opened["call"]["calling_number"]) == ("+1303555••••", "+1202555••••")
    assert (opened["hops"][0]["call_id"], opened["hops"][0]["received_from"]["name"]) == ("call-3", "West Voice")
    assert "rivals" not in opened  # none: a default is left out
    masked = run(environment, "show", opened["traceback_id"]).stdout
    assert "+1202555•••• called +1303555••••, 2026-05-28 20:26:43 UTC" in masked
    shown = run(environment, "show", opened["traceback_id"], "--unmask", "West Voice asks").stdout
    assert "+12025550003 called +13035550142, 2026-05-28 20:26:43 UTC" in shown
    ambiguous = run(environment, "open", *call, "--calling", "202-555-0008", status=1)
    assert "2 calls between these numbers are so near in time" in str(ambiguous.exception)
