"""Organisations of one kind: drawn for a carrier, and their calls of any hour.

An organisation has numbers, a list of whom it calls, a provider's customer through whom it calls, and days that are
busier than others. It calls again tomorrow from the same numbers. Over weeks it drifts: a part of its list is replaced,
and it calls more or less than it did.
"""

import numpy as np

from models.traffic.fourth.arrays import Floats, Ints, draws, fractions, hashed, salt_of
from models.traffic.fourth.attempts import Attempts, join, make
from models.traffic.fourth.lawful.kinds import LawfulKind
from models.traffic.fourth.network import numbers
from models.traffic.fourth.network.outcomes import number_of
from models.traffic.fourth.network.world import World
from models.traffic.fourth.rhythm import HOURS, LocalHour, week_factor
from models.traffic.span import HOUR_MS

_MOST_NUMBERS = 64
_AWAY = 0.04  # of days: an organisation is closed, or has not begun, or is no more
_AWAY_DAYS = 5
_TURNOVER_DAYS, _TURNOVER = 3, 12  # every so many days one in so many of a list is replaced
_SWINGS_DAYS = 45  # an organisation calls more for weeks, and then less
_UNANSWERED = -3.0  # log-odds of the first of calls that are tried again
_HOUR_S = 3_600


class Organisations:
    """All organisations of a row of kinds at a carrier.

    Args:
        kind: what they are.
        row: place of the row; several rows may have one kind.
        calls: calls of a usual weekday, all of them together.
        world: the carrier.
    """

    def __init__(self, kind: LawfulKind, row: int, calls: float, world: World) -> None:
        random = draws(world.seed, "organisations", row)
        count = max(1, round(calls / (kind.calls_each * random.lognormal(0.0, 0.4))))
        weights = random.lognormal(0.0, 0.9, count)
        self.kind, self.calls = kind, calls
        self._world, self._row = world, row
        self._calls = calls * weights / weights.sum()
        self._customers = np.concatenate(
            [
                world.providers.choose(kind.providers[i], 1, random)
                for i in random.integers(len(kind.providers), size=count)
            ]
        )
        self._how_many = random.integers(kind.numbers[0], kind.numbers[1] + 1, count)
        self._list_sizes = np.maximum(3, self._calls * kind.list_days).astype(np.int64)
        self._list_starts = random.integers(0, world.numbering.subscribers, count)
        self._list_steps = random.integers(1, 5_000, count) * 2 + 1
        self._answer_shifts = random.normal(0.0, 0.45, count)
        self._talk_factors = random.lognormal(0.0, 0.3, count)
        self._salt = salt_of(world.seed, f"organisation {row}")
        if kind.is_punctual:
            self._appointments = self._drawn_appointments()

    def attempts(self, hour: LocalHour) -> Attempts:
        """Their calls of an hour, in no order."""
        random = draws(self._world.seed, "lawful", self._row, hour.hour)
        if self.kind.is_punctual:
            return self._punctual(hour, random)
        expected, begin_s, seconds = self._expected(hour)
        who = np.repeat(np.arange(len(expected)), random.poisson(expected))
        offset_s = begin_s[who] + random.random(len(who)) * seconds
        return self._with_redials(
            self._made(hour, offset_s, who, self._reached(hour, who, random), random), hour, random
        )

    def shown_numbers(self) -> Ints:
        """One number of each organisation."""
        who = np.arange(len(self._calls))
        return self._shown(who, np.zeros_like(who), who)

    def _expected(self, hour: LocalHour) -> tuple[Floats, Floats, float]:
        """Calls expected of each in an hour; when in it they begin, and for how long, in seconds."""
        who, kind = np.arange(len(self._calls)), self.kind
        rate = self._calls * week_factor(kind.week, hour.weekday) * self._mood(hour.day)
        if not kind.burst_minutes:
            return rate * HOURS[kind.hours][hour.of_day], np.zeros(len(who)), _HOUR_S
        today = who * 100_003 + hour.day
        begins = np.searchsorted(np.cumsum(HOURS[kind.hours]), fractions(today, self._salt + 1), side="right")
        is_now = (fractions(today, self._salt + 2) < kind.bursts) & (begins == hour.of_day)
        seconds = kind.burst_minutes * 60
        begin_s = fractions(today, self._salt + 3) * max(0.0, _HOUR_S - seconds)
        return np.where(is_now, rate / kind.bursts, 0.0), begin_s, min(_HOUR_S, seconds)

    def _mood(self, day: int) -> Floats:
        """By what each calls more on a day than usually; some are away for days."""
        who = np.arange(len(self._calls))
        swing = np.sin(2 * np.pi * (day / _SWINGS_DAYS + fractions(who, self._salt + 10)))
        mood = (0.6 + 0.8 * fractions(who * 100_003 + day, self._salt + 4)) * (1 + 0.35 * swing)
        is_away = fractions(who * 100_003 + (day + who) // _AWAY_DAYS, self._salt + 5) < _AWAY
        return np.where(is_away, 0.0, mood)

    def _reached(self, hour: LocalHour, who: Ints, random: np.random.Generator) -> Ints:
        """The other side of each call: a number of a subscriber, or of a person elsewhere."""
        numbering, size = self._world.numbering, len(who)
        if self.kind.reach == "fresh":
            return numbering.subscriber(random.integers(0, numbering.subscribers, size))
        if self.kind.reach == "area":
            return numbering.line(self._list_starts[who] * 7 + random.integers(0, 4_000, size))
        replaced = hour.day // _TURNOVER_DAYS * (self._list_sizes // _TURNOVER + 1)
        return self._listed(who, replaced[who] + (random.random(size) ** 1.3 * self._list_sizes[who]).astype(np.int64))

    def _listed(self, who: Ints, rank: Ints) -> Ints:
        """Members of the lists of organisations, by their rank there."""
        numbering = self._world.numbering
        ours = numbering.subscriber(self._list_starts[who] + rank * self._list_steps[who])
        is_elsewhere = rank % 2 == 0 if self.kind.reach in {"mixed", "hotline"} else np.zeros(len(who), dtype=bool)
        return np.where(is_elsewhere, numbering.outside(self._list_starts[who] * 65_537 + rank), ours)

    def _shown(self, who: Ints, which: Ints, reached: Ints) -> Ints:
        """Numbers of organisations, `which` of them."""
        numbering, identity = self._world.numbering, (self._row * 1_000_003 + who) * _MOST_NUMBERS + which
        if self.kind.shown == "own_line":
            return numbering.subscriber(hashed(identity, self._salt + 6) % numbering.subscribers)
        if self.kind.shown == "presence":
            return numbering.present(identity, reached)
        if self.kind.shown in {"odd", "short_code"}:
            form = numbers.odd if self.kind.shown == "odd" else numbers.short_code
            return form(identity, self._salt + 7)
        forms = {
            "outside": numbering.outside,
            "local": numbering.local,
            "toll_free": numbering.toll_free,
            "abroad": numbering.abroad,
        }
        return forms[self.kind.shown](identity)

    def _made(
        self, hour: LocalHour, offset_s: Floats, who: Ints, reached: Ints, random: np.random.Generator
    ) -> Attempts:
        which = random.integers(0, self._how_many[who])
        own, customer = self._shown(who, which, reached), self._customers[who]
        calling, called = own, reached
        if self.kind.reach == "hotline":
            calling, called = reached, own
            from_us = self._world.numbering.is_ours(reached)
            customer = np.where(from_us, customer, self._world.providers.subscribers_customer(reached))
        return make(
            hour.start_ms + (offset_s * 1_000).astype(np.int64),
            calling,
            called,
            customer=customer,
            right=self.kind.right,
            behaviour=number_of(self.kind.behaviour),
            answer_shift=self._answer_shifts[who],
            talk_factor=self._talk_factors[who],
            kind=self._world.kind(self.kind.name),
        )

    def _with_redials(self, first: Attempts, hour: LocalHour, random: np.random.Generator) -> Attempts:
        """Calls, and some of them up to three times more; those of the next hour are left out."""
        if not self.kind.redials or not len(first):
            return first
        is_redialled = random.random(len(first)) < self.kind.redials
        shift = np.where(is_redialled, _UNANSWERED, first.answer_shift)
        parts = [_changed(first, first.setup_ms, shift)]
        again = first.take(is_redialled)
        wait_ms = (random.uniform(40, 420, len(again)) * 1_000).astype(np.int64)
        for turn in range(1, 4):
            goes_on = random.random(len(again)) < 0.5
            setup_ms = again.setup_ms + turn * wait_ms
            last = _changed(again, setup_ms, np.where(goes_on, _UNANSWERED, again.answer_shift))
            parts.append(last.take(setup_ms < hour.start_ms + HOUR_MS))
            again, wait_ms = again.take(goes_on), wait_ms[goes_on]
        return join(parts)

    def _drawn_appointments(self) -> tuple[Ints, Ints, Ints, Floats]:
        """Who calls which of its list at which local hour of every day, and when in that hour, in seconds."""
        sizes = np.maximum(1, np.round(self._calls)).astype(np.int64)
        who = np.repeat(np.arange(len(sizes)), sizes)
        rank = np.arange(len(who)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        at = fractions(who * 100_003 + rank, self._salt + 8)
        share = np.cumsum(HOURS[self.kind.hours])
        of_day = np.minimum(np.searchsorted(share, at, side="right"), 23)
        return who, rank, of_day, fractions(who * 100_003 + rank, self._salt + 9) * (_HOUR_S - 60)

    def _punctual(self, hour: LocalHour, random: np.random.Generator) -> Attempts:
        who, rank, of_day, at_s = self._appointments
        share = 0.97 * week_factor(self.kind.week, hour.weekday)
        is_now = (of_day == hour.of_day) & (random.random(len(who)) < share)
        who, rank, at_s = who[is_now], rank[is_now], at_s[is_now]
        late_s = random.exponential(4.0, len(who)).clip(0, 59)
        return self._made(hour, at_s + late_s, who, self._listed(who, rank), random)


def _changed(attempts: Attempts, setup_ms: Ints, answer_shift: Floats) -> Attempts:
    return make(
        setup_ms,
        attempts.calling,
        attempts.called,
        customer=attempts.customer,
        right=attempts.right,
        behaviour=attempts.behaviour,
        answer_shift=answer_shift,
        talk_factor=attempts.talk_factor,
        kind=attempts.kind,
    )
