"""What people say of a campaign: a record that stays with it, and feedback about each of its calls that is known."""

from collections.abc import Iterator, Mapping

from detector.contract.errors import RobocallError
from detector.contract.events import Feedback, FeedbackSource, Verdict
from streams.campaigns.records import VERDICT_KEY, CampaignRecord, CampaignVerdict
from streams.kafka.publishing.sending import Record
from streams.running.clock import wall_clock_ms
from streams.wire.records import encode

DONE = {Verdict.ROBOCALL: "campaign_confirmed", Verdict.LEGITIMATE: "campaign_cleared"}
"""What the record of a verdict says was done."""


class CampaignUnknown(RobocallError):
    """No campaign has that id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no campaign {name}: `robocall campaigns list` shows those that are known")


def campaign_in(known: Mapping[str, CampaignRecord], name: str) -> CampaignRecord:
    """The campaign of an id, or what it was merged into.

    Args:
        known: Records of the topic by id.
        name: An id.

    Raises:
        CampaignUnknown: none has that id.
    """
    record = known.get(name)
    for _ in known:  # a topic of which somebody made a circle must not hold whoever looks
        if record is None or record.merged_into is None:
            break
        record = known.get(record.merged_into)
    if record is None or record.merged_into is not None:
        raise CampaignUnknown(name)
    return record


def feedback_on(record: CampaignRecord, verdict: Verdict, note: str | None) -> Iterator[Record]:
    """Say of each of a campaign's latest calls what an analyst says of the campaign; records of `call-feedback`.

    Args:
        record: Of the campaign.
        verdict: What its calls are.
        note: Free text.
    """
    is_robocall = verdict is Verdict.ROBOCALL
    for call in record.examples:
        said = Feedback(
            time_ms=wall_clock_ms(),
            verdict=verdict,
            source=FeedbackSource.ANALYST,
            call_id=call.call_id,
            calling_number=call.calling_number,
            campaign=record.id if is_robocall else None,
            kind=record.kind if is_robocall else None,
            note=note,
        )
        yield call.calling_number.encode("utf-8", "surrogatepass"), encode(said)


def verdict_on(record: CampaignRecord, verdict: Verdict, *, who: str, why: str | None) -> Record:
    """Make the record of the topic `campaigns` that says what a campaign is.

    Args:
        record: Of the campaign.
        verdict: What its calls are.
        who: Says so, 1 to 128 characters.
        why: In their words, at most 1,000 characters.
    """
    said = CampaignVerdict(record.id, verdict, who, wall_clock_ms(), why)
    return f"{VERDICT_KEY}{record.id}".encode(), encode(said)
