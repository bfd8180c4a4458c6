"""Pages of campaigns: size, spread and why, and what people say of them."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer

from streams.campaigns.records import CampaignMerge, encoded
from streams.campaigns.topic import campaigns_now
from streams.console.desk.campaign_pages import MOST_LISTED
from streams.console.roles import Role
from streams.console.subjects import Kind, Subject
from streams.kafka.topics import CALL_FEEDBACK, CAMPAIGNS
from streams.wire.cases import CaseKind
from tests.streams.console.console_case import CALLED, CALLER, Browser, Played, decided
from tests.streams.console.desk.desk_case import MakeDesk
from tests.streams.console.desk.test_campaigns import put, record


def test_a_campaign_is_listed_and_shown_with_why_it_is_one(tmp_path: Path) -> None:
    """Its numbers are masked, and decisions that name it link to it."""
    played, made = Played(tmp_path), record("tg-1", 30)
    put(played.campaigns, made)
    reason = {"code": "campaign", "text": f"campaign {made.id}", "value": None, "threshold": None}
    played.memory.take(None, decided(7, "block", reasons=[reason]))
    page = played.links.path(Subject(Kind.CAMPAIGN, made.id))

    async def visit(browser: Browser) -> list[str]:
        paths = [
            "/campaigns?within=all",
            "/campaigns/list?within=all",
            "/campaigns/list?within=1",
            page,
            "/now/suspects",
        ]
        return [(await browser.get(path)).text for path in paths]

    index, listed, silent, shown, suspects = played.run(Role.OPERATOR, visit)

    assert 'hx-get="/campaigns/list?within=all"' in index
    assert made.id in listed
    assert '<tr class="why"><td colspan="10">mean score ' in listed
    assert "; attestation: " in listed
    assert "<code>robocall campaigns run</code>" not in silent
    assert made.id not in silent
    assert "30 from 30 numbers to 30 numbers" in shown
    assert made.evidence[0].split(",")[0] in shown
    assert made.examples[-1].calling_number not in shown
    assert "call-7@switch" not in shown
    assert "+1202555••••" in shown
    assert f'href="{page}"' in suspects


def test_a_list_that_is_cut_says_of_how_many_it_has_the_first(tmp_path: Path) -> None:
    """Else whoever looks believes that these are all."""
    played = Played(tmp_path)
    put(played.campaigns, *(record(f"tg-{number}") for number in range(MOST_LISTED)))

    async def visit(browser: Browser) -> str:
        return (await browser.get("/campaigns/list?within=all")).text

    assert "The first" not in played.run(Role.OPERATOR, visit)
    put(played.campaigns, record("tg-more", 9))
    shown = played.run(Role.OPERATOR, visit)
    assert f"The first {MOST_LISTED} of {MOST_LISTED + 1}, those with most calls." in shown
    assert shown.count("<tr>") == MOST_LISTED + 1


def test_campaigns_that_joined_it_are_folded_into_one_row(tmp_path: Path) -> None:
    """A dozen of them stood above all that is to be read."""
    played, made = Played(tmp_path), record("tg-1")
    merges = tuple(CampaignMerge(f"c{number:09}a", made.first_seen_ms, "same_times", 0.9) for number in range(14))
    put(played.campaigns, replace(made, merges=merges))

    async def visit(browser: Browser) -> str:
        return (await browser.get(played.links.path(Subject(Kind.CAMPAIGN, made.id)))).text

    shown = played.run(Role.OPERATOR, visit)

    assert "<dt>Joined from</dt><dd><details><summary>14 earlier campaigns</summary>" in shown
    assert shown.count("calls at the same times by a shared trunk group, 90 %") == 14
    assert "same_times" not in shown


def test_lists_and_the_page_say_the_same_spread_and_as_of_when(tmp_path: Path) -> None:
    """A list said "8+ areas" and the page named eight: nobody knew how many there are, or which figures are newer."""
    played, made = Played(tmp_path), record("tg-1")
    areas = {f"+1{code}": 100 - code % 100 for code in range(201, 212)}
    put(played.campaigns, replace(made, counts=made.counts | {"areas": areas}))

    async def visit(browser: Browser) -> list[str]:
        paths = ["/campaigns/list?within=all", played.links.path(Subject(Kind.CAMPAIGN, made.id))]
        return [(await browser.get(path)).text for path in paths]

    listed, shown = played.run(Role.OPERATOR, visit)

    assert "1 trunk group, 11 areas" in listed
    assert "+1208 (92) and 3 more" in shown
    for page in (listed, shown):
        assert re.search(r"As of 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", page)


def test_of_one_number_it_is_said_in_the_singular(tmp_path: Path) -> None:
    """A flood of one caller to one line."""
    played, made = Played(tmp_path), record("tg-1", 1_200, calling_number=CALLER, called_number=CALLED)
    put(played.campaigns, made)

    async def visit(browser: Browser) -> str:
        return (await browser.get(played.links.path(Subject(Kind.CAMPAIGN, made.id)))).text

    shown = played.run(Role.OPERATOR, visit)

    assert "1,200 from 1 number to 1 number<" in shown
    assert "1,200 suspect calls from 1 number to 1<" in shown


def test_one_that_was_merged_leads_to_what_it_became_and_one_that_is_gone_says_so(tmp_path: Path) -> None:
    """Links to it stand in decisions and in notes."""
    played, old, kept = Played(tmp_path), record("tg-1"), record("tg-2")
    put(played.campaigns, kept)
    played.campaigns.take(
        old.id.encode(), encoded(old).replace(b'"merged_into":null', f'"merged_into":"{kept.id}"'.encode())
    )

    async def visit(browser: Browser) -> list[str]:
        paths = [played.links.path(Subject(Kind.CAMPAIGN, name)) for name in (old.id, "c0")]
        return [(await browser.get(path)).text for path in paths]

    merged, gone = played.run(Role.OPERATOR, visit)

    assert f"<h1>Campaign {kept.id}</h1>" in merged
    assert f"{old.id} was merged into it" in merged
    assert "does not have it now" in gone


@pytest.mark.kafka
@pytest.mark.parametrize(("verdict", "said", "what"), [("confirm", "robocall", "campaign_confirmed"),
                                                       ("clear", "legitimate", "campaign_cleared")])  # fmt: skip
def test_a_verdict_is_feedback_about_each_of_its_calls(make_desk: MakeDesk, verdict: str, said: str, what: str) -> None:
    """As the command sends it, and a case says who said it and why."""
    desk, made = make_desk(), record("tg-1")
    producer = Producer({"bootstrap.servers": desk.settings.kafka_bootstrap_servers})
    producer.produce(CAMPAIGNS, encoded(made), key=made.id)
    producer.flush()
    page = desk.path(Kind.CAMPAIGN, made.id)

    answer = desk.send(Role.OPERATOR, page, "/verdict", verdict=verdict, reason="heard it")

    assert f"Said of its latest {len(made.examples)} calls: {said}." in answer.text
    found = [json.loads(value or b"") for _, value in desk.records(CALL_FEEDBACK, len(made.examples))]
    assert {(one["verdict"], one["source"], one["note"]) for one in found} == {(said, "analyst", "operator: heard it")}
    assert {one["call_id"] for one in found} == {one.call_id for one in made.examples}
    (case,) = desk.cases(CaseKind.CHANGE)
    assert (case.history[0].what, case.subject, case.history[0].who) == (what, f"campaign:{made.id}", "operator")
    stays = campaigns_now(desk.settings).verdicts[made.id]
    assert (stays.verdict, stays.who, stays.why) == (said, "operator", "heard it")
    unknown = desk.send(Role.OPERATOR, desk.path(Kind.CAMPAIGN, "c0"), "/verdict", verdict=verdict, reason="x")
    assert unknown.status_code == 409
    assert "no campaign c0" in unknown.text
