"""The past is grouped as the stream was."""

from detector.campaigns.grouping import Campaigns
from streams.campaigns.matching import Matching
from streams.campaigns.past import Past
from streams.campaigns.settings import CampaignSettings
from tests.streams.campaigns.campaign_case import end, pairs


def test_decisions_and_events_that_were_kept_give_the_names_of_the_stream() -> None:
    calls = pairs(range(30)) + pairs(range(30, 60), score=0.2, action="allow")
    live, matching = Campaigns(), Matching(0.9)
    for setup, decision in calls:
        matching.event(setup)
        found = matching.decision(decision, None)
        if found is not None:
            live.add(found[0])

    past = Past(CampaignSettings.load())
    past.decisions(decision for _, decision in calls)
    past.events([*(setup for setup, _ in calls), *(end(number) for number in range(60))])

    assert past.calls == 30
    assert list(past.grouping.by_id) == list(live.by_id)
    [campaign] = past.grouping.by_id.values()
    assert (campaign.tally.calls, campaign.tally.ended) == (30, 30)
