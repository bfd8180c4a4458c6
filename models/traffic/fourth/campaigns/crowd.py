"""All campaigns of a carrier: which are born when, who is on air in an hour, and their calls in it.

Campaigns are born all the time, kind after kind in shuffled rounds. Kinds that are held back are born from a stated
instant on; two of each come as soon as the hour is one in which they call.
"""

import numpy as np

from models.traffic.fourth.arrays import Ints, draws
from models.traffic.fourth.attempts import Attempts, join, make
from models.traffic.fourth.campaigns.campaign import MOST_LIFE_H, Campaign, born, pace
from models.traffic.fourth.campaigns.dialled import dialled
from models.traffic.fourth.campaigns.kinds import CampaignKind
from models.traffic.fourth.campaigns.shown import Choice, shown
from models.traffic.fourth.network.outcomes import number_of
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import HOURS, LocalHour
from models.traffic.span import HOUR_MS

_CALLS_OF_ONE = 45.0  # an hour, while it is on air, about
_MEAN_ON_AIR_H = 6.0
_FEWEST_BORN, _MOST_BORN = 0.3, 6.0  # an hour
_AT_ONCE = 2  # of each kind that was held back
_WITHIN_MS = HOUR_MS * 3 // 2
_STRIDE = 64  # more campaigns than are born in an hour
_NOISE = 0.25
_SHAPE = 0.82 * HOURS["dialler"] + 0.12 * HOURS["waking"] + 0.06 * HOURS["late"]


class Crowd:
    """Campaigns of a carrier.

    Args:
        kinds: that are there from the start; at least one.
        later: that are held back.
        later_ms: until this instant, epoch milliseconds.
        calls: robocalls of a usual weekday.
        brands: numbers of known organisations, to be shown by others.
        world: the carrier.
    """

    def __init__(
        self,
        kinds: tuple[CampaignKind, ...],
        later: tuple[CampaignKind, ...],
        later_ms: int,
        calls: float,
        brands: Ints,
        world: World,
    ) -> None:
        self._kinds, self._later, self._later_ms = kinds, later, later_ms
        self._calls, self._brands, self._world = calls, brands, world
        self._births = float(np.clip(calls / 24 / _CALLS_OF_ONE / _MEAN_ON_AIR_H, _FEWEST_BORN, _MOST_BORN))
        self._born: dict[int, list[Campaign]] = {}
        self._debuts = self._drawn_debuts()

    def attempts(self, hour: LocalHour, lawful_of_usual: float) -> Attempts:
        """Their calls of an hour in no order; some persons call back, lawfully.

        Args:
            hour: which.
            lawful_of_usual: lawful calls of this day of the week over those of a usual weekday.
        """
        random = draws(self._world.seed, "robocalls", hour.hour)
        on_air = [(one, one.activity(hour)) for one in self._alive(hour)]
        on_air = [(one, activity) for one, activity in on_air if activity > 0]
        total = sum(activity for _, activity in on_air)
        expected = self._calls * lawful_of_usual * _SHAPE[hour.of_day] * random.lognormal(-(_NOISE**2) / 2, _NOISE)
        parts: list[Attempts] = []
        for campaign, activity in on_air:
            size = int(random.poisson(expected * activity / total))
            if size:
                parts += self._calls_of(campaign, hour, size)
        return join(parts)

    def _alive(self, hour: LocalHour) -> list[Campaign]:
        """Whoever was born by an hour and may live."""
        since = hour.hour - MOST_LIFE_H
        for past in [one for one in self._born if one < since]:
            del self._born[past]
        return [one for birth in range(since, hour.hour + 1) for one in self._born_in(birth)]

    def _born_in(self, hour: int) -> list[Campaign]:
        if hour not in self._born:
            self._born[hour] = self._newborn(hour)
        return self._born[hour]

    def _newborn(self, hour: int) -> list[Campaign]:
        first, stop = int(hour * self._births), int((hour + 1) * self._births)
        random = draws(self._world.seed, "births", hour)
        begins = hour * HOUR_MS + random.integers(0, HOUR_MS, _STRIDE)
        found = [(self._kind_of(index, hour), int(begins[i])) for i, index in enumerate(range(first, stop))]
        found += [(kind, begins_ms) for kind, begins_ms in self._debuts if begins_ms // HOUR_MS == hour]
        return [born(kind, hour * _STRIDE + i, ms, self._world) for i, (kind, ms) in enumerate(found)]

    def _drawn_debuts(self) -> list[tuple[CampaignKind, int]]:
        """The first campaigns of the kinds that are held back, and when they begin."""
        random, found = draws(self._world.seed, "debuts"), []
        first = self._later_ms // HOUR_MS
        for kind in self._later:
            hour = next(one for one in range(first, first + 24) if pace(kind, self._world.local(one)))
            since_ms = max(self._later_ms, hour * HOUR_MS)
            found += [(kind, since_ms + ms) for ms in random.integers(0, _WITHIN_MS, _AT_ONCE).tolist()]
        return found

    def _kind_of(self, index: int, hour: int) -> CampaignKind:
        """The kind of a campaign by its place in the rounds, of those that are known in its hour."""
        is_late = hour > self._later_ms // HOUR_MS
        kinds = (*self._kinds, *self._later) if is_late else self._kinds
        turn, place = divmod(index, len(kinds))
        return kinds[int(draws(self._world.seed, "round", turn).permutation(len(kinds))[place])]

    def _calls_of(self, campaign: Campaign, hour: LocalHour, size: int) -> list[Attempts]:
        random = draws(self._world.seed, "calls", campaign.number, hour.hour)
        setup_ms = self._times(campaign, hour, size, random)
        called = dialled(campaign, hour, size, self._world, random)
        calling = shown(Choice(campaign, hour, called, self._world, self._brands, random))
        made = make(
            setup_ms,
            calling,
            called,
            customer=campaign.customers[random.integers(0, len(campaign.customers), size)],
            right=campaign.kind.right,
            behaviour=number_of(campaign.kind.behaviour),
            answer_shift=campaign.answer_shift,
            talk_factor=campaign.talk_factor,
            kind=self._world.kind(campaign.kind.name),
            campaign=campaign.number,
        )
        return [made, self._called_back(campaign, made, hour, random)] if campaign.kind.called_back else [made]

    @staticmethod
    def _times(campaign: Campaign, hour: LocalHour, size: int, random: np.random.Generator) -> Ints:
        """Instants within its life and the hour, in order, at a pace that changes every five minutes."""
        first = max(campaign.begins_ms, hour.start_ms)
        stop = min(campaign.ends_ms, hour.start_ms + HOUR_MS)
        pace = np.cumsum(random.gamma(1.5, 1.0, 12))
        share = np.interp(np.sort(random.random(size)), np.concatenate([[0.0], pace / pace[-1]]), np.linspace(0, 1, 13))
        return first + (share * (stop - first)).astype(np.int64)

    def _called_back(
        self, campaign: Campaign, made: Attempts, hour: LocalHour, random: np.random.Generator
    ) -> Attempts:
        """Lawful calls of persons to the number that they saw, within the hour."""
        size, providers = len(made), self._world.providers
        setup_ms = made.setup_ms + (random.exponential(700, size) * 1_000).astype(np.int64) + 30_000
        comes = (random.random(size) < campaign.kind.called_back) & (setup_ms < hour.start_ms + HOUR_MS)
        comes &= self._world.numbering.is_in_service(made.called) & (made.calling > 1_000_000_000)
        access = providers.customers("access")
        return make(
            setup_ms[comes],
            made.called[comes],
            made.calling[comes],
            customer=access[made.called[comes] % len(access)],
            behaviour=number_of("known"),
            kind=self._world.kind("spoofed_callback"),
        )
