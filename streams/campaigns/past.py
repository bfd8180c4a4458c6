"""Campaigns of calls that were kept: the same grouping over decisions and events of files or of the archive."""

from collections.abc import Iterable

from detector.campaigns.cells import Bounds
from detector.campaigns.grouping import Campaigns
from detector.features.window_constants import HOUR_MS
from streams.campaigns.matching import Ended, Matching
from streams.campaigns.settings import CampaignSettings


class Past:
    """Groups what was kept. First all decisions, then all events in order of time.

    Of suspect decisions each is held until its event comes: some 400 bytes.

    Args:
        chosen: What is suspect, and how much is remembered.

    Attributes:
        grouping: The campaigns so far.
        calls: Suspect calls that were counted.
    """

    def __init__(self, chosen: CampaignSettings) -> None:
        self.grouping = Campaigns(Bounds(idle_ms=round(chosen.idle_h * HOUR_MS)), most=chosen.most)
        self.calls = 0
        self._matching = Matching(chosen.score, keeps_setups=False)

    @property
    def unread(self) -> int:
        """Records so far that are neither decisions nor events."""
        return self._matching.unread

    @property
    def unmatched(self) -> int:
        """Suspect decisions that no event so far belongs to."""
        return self._matching.waiting

    def decisions(self, values: Iterable[bytes]) -> None:
        """Take decisions, as records of `call-decisions`."""
        for value in values:
            self._matching.decision(value, None)

    def events(self, values: Iterable[bytes]) -> None:
        """Take events, as records of `call-events`."""
        for value in values:
            found = self._matching.event(value)
            if isinstance(found, Ended):
                self.grouping.end(found.call_id, found.talk_ms)
            elif found is not None:
                self.grouping.add(found[0])
                self.calls += 1
