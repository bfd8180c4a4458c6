"""Ways of grouping suspect calls, and how well each of them did."""

import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.campaigns.telling import Told
from detector.campaigns.calls import SuspectCall
from detector.campaigns.grouping import FEWEST_CALLS, Campaigns
from models.traffic.truth import Truth

BY_MODEL, BY_TRUTH = "model", "truth"
OURS = "campaigns"

Named = tuple[Truth, str]
"""What a suspect call was, and its name in the end; empty for none."""


class ByKey:
    """Groups by one key: the name is the key."""

    def __init__(self, key: Callable[[SuspectCall], str]) -> None:
        self._key = key
        self._calls: Counter[str] = Counter()

    def add(self, call: SuspectCall) -> str:
        """Name a call, empty before the fifth one of its key."""
        key = self._key(call)
        self._calls[key] += 1
        return key if self._calls[key] >= FEWEST_CALLS else ""

    def end(self, call_id: str, talk_ms: int | None) -> None:
        """Ends tell a key nothing."""

    def named(self, name: str) -> str:
        """Keys are never merged."""
        return name


WAYS: dict[str, Callable[[], ByKey | Campaigns]] = {
    OURS: Campaigns,
    "trunk and origin": lambda: ByKey(lambda call: f"{call.trunk_group_id} {call.signer_spc} {call.origid}"),
    "number": lambda: ByKey(lambda call: call.calling_number),
}


@dataclass(slots=True)
class Figures:
    """Sums over carriers of one way of grouping."""

    purity: float = 0.0
    named: int = 0
    completeness: float = 0.0
    robocalls: int = 0
    lawful: int = 0
    lawful_named: int = 0
    groups: int = 0
    groups_lawful: int = 0
    true_campaigns: int = 0
    until_named: list[int] = field(default_factory=list)
    used_s: float = 0.0

    def add(self, told: list[Told], suspects: str, grouping: ByKey | Campaigns) -> None:
        """Group the suspect calls of a carrier, and count."""
        found: list[tuple[Truth, str]] = []
        seen: Counter[str] = Counter()
        first: dict[str, int] = {}
        began_s = time.process_time()
        for one in told:
            if one.call is None or one.truth is None:
                grouping.end(*one.ended)
            elif one.truth.is_robocall if suspects == BY_TRUTH else one.is_suspect:
                name = grouping.add(one.call)
                found.append((one.truth, name))
                seen[one.truth.campaign] += 1
                if name:
                    first.setdefault(one.truth.campaign, seen[one.truth.campaign])
        self.used_s += time.process_time() - began_s
        campaigns = [one for one, calls in seen.items() if one and calls >= FEWEST_CALLS]
        self.true_campaigns += len(campaigns)
        self.until_named += [first[one] for one in campaigns if one in first]
        self._count([(truth, grouping.named(name) if name else "") for truth, name in found])

    def _count(self, named: list[Named]) -> None:
        pairs = Counter((name, truth.campaign) for truth, name in named)
        sizes = Counter(name for _, name in named)
        robocalls = Counter(truth.campaign for truth, _ in named if truth.is_robocall)
        for (name, campaign), calls in pairs.items():
            if campaign and name:
                self.purity += calls * calls / sizes[name]
                self.completeness += calls * calls / robocalls[campaign]
        lawful = Counter(name for truth, name in named if not truth.is_robocall)
        self.named += sum(calls for name, calls in sizes.items() if name)
        self.robocalls += robocalls.total()
        self.lawful += lawful.total()
        self.lawful_named += lawful.total() - lawful[""]
        self.groups += sum(1 for name in sizes if name)
        self.groups_lawful += sum(1 for name, calls in lawful.items() if name and calls > sizes[name] / 2)

    def row(self) -> dict[str, Any]:
        """What is printed."""
        until = sorted(self.until_named)
        suspects = self.robocalls + self.lawful
        return {
            "suspect_calls": suspects,
            "purity": round(self.purity / self.named, 3) if self.named else None,
            "completeness": round(self.completeness / self.robocalls, 3) if self.robocalls else None,
            "true_campaigns": self.true_campaigns,
            "true_campaigns_named": len(until),
            "groups": self.groups,
            "groups_mostly_lawful": self.groups_lawful,
            "until_named_median": statistics.median(until) if until else None,
            "until_named_p90": until[int(0.9 * (len(until) - 1))] if until else None,
            "lawful_suspect": self.lawful,
            "lawful_named": self.lawful_named,
            "cpu_us_a_suspect": round(self.used_s / suspects * 1e6, 1) if suspects else None,
        }
