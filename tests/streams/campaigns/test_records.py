"""Records say what a campaign is, and a restart goes on from them."""

import json

from detector.campaigns.calls import SuspectCall
from detector.campaigns.campaign import Campaign
from detector.campaigns.grouping import Campaigns
from detector.testing.events import call_setup
from streams.campaigns.records import MOST_BYTES, campaign_of, decoded, encoded, record_of
from streams.wire.records import encode
from tests.detector.campaigns.calls_of import START_MS, suspect


def _grouped() -> Campaign:
    """A campaign with two ways in, a merge and ends, of more numbers than a sample has."""
    grouping = Campaigns()
    calls = [suspect(n, calling_number=f"+1212555{n % 9:04d}", trunk_group_id=f"t-{n // 12}") for n in range(24)]
    calls += [suspect(40 + n, trunk_group_id="t-0", user_agent="Dialler 2.0") for n in range(200)]
    for call in calls:
        name = grouping.add(call)
        grouping.end(call.call_id, 5_000)
    return grouping.by_id[name]


def test_a_campaign_comes_back_as_it_was() -> None:
    campaign = _grouped()
    record = decoded(encoded(record_of(campaign, {0: 5})))
    assert record is not None
    again = campaign_of(record)
    assert again.id == campaign.id
    assert (again.cells, again.merges, again.examples) == (campaign.cells, campaign.merges, campaign.examples)
    assert list(again.cells) == list(campaign.cells)
    more = [suspect(900, called_number="+13105550001"), suspect(901, called_number="+13105550001")]
    for one in (campaign, again):
        for call in more:
            one.tally.add(call, "domestic")
    assert again.tally == campaign.tally


def test_a_record_says_what_people_ask_for() -> None:
    campaign = _grouped()
    said = json.loads(encoded(record_of(campaign, {0: 5})))
    assert said["id"] == campaign.id
    assert said["calls"] == campaign.tally.calls
    assert said["answered_ratio"] == 1.0
    assert said["mean_talk_s"] == 5.0
    assert said["reached"] == {"0": 5}
    assert said["merged_into"] is None
    assert said["evidence"]
    assert len(said["examples"]) == 50


def test_what_is_no_record_is_none() -> None:
    assert decoded(b"{}") is None
    assert decoded(b"junk") is None


def test_no_caller_makes_a_record_that_kafka_refuses() -> None:
    """Texts as long as the contract takes, of characters that JSON writes in six bytes."""
    grouping = Campaigns()
    for n in range(2_048):
        origid, numbers = (
            f"{n // 8:04d}".ljust(256, "\x01"),
            [text.ljust(256, "\x01") for text in (f"{n % 263}", f"c{n}")],
        )
        fields = {"calling_number": numbers[0], "called_number": numbers[1], "signer_spc": "S".ljust(256, "\x01")}
        event = call_setup(f"call-{n}", setup_time_ms=START_MS + 200 * n, origid=origid, **fields)
        name = grouping.add(SuspectCall.of(event, "d" * 32, 0.99))
    whole = record_of(grouping.by_id[name], {0: 2_048})
    assert len(encode(whole)) > MOST_BYTES
    value = encoded(whole)
    assert len(value) <= MOST_BYTES
    record = decoded(value)
    assert record is not None
    assert record.calls == grouping.by_id[name].tally.calls
    assert record.examples
    assert record.examples[-1].call_id == "call-2047"
    assert campaign_of(record).tally.calls == record.calls
