"""How many of the highest calls are lawful, by a person's answers about callers that were drawn by lot.

Where no lawful callers are known, every call may count as lawful. Then no more calls are hit than lawful ones may be,
though nearly all of the highest are robocalls. Answers tell. Callers are drawn from the highest calls, by lot and in
proportion to their calls there, and a person says what each of them is. They are drawn from ten times as many calls as
lawful ones may be hit. Once answers show that the budget is kept there, they are drawn from more calls, and at last
half of the budget has to be shown to be kept.

It is a risk-limiting audit. For each number of calls the hypothesis is that more of them are lawful than may be. Each
answer multiplies the evidence against it by what it is worth, as in Wald's test, with the share of lawful callers that
was found so far as the alternative (Stark, ALPHA: audit that learns from previously hand-audited ballots, Annals of
Applied Statistics 17, 2023). Nobody is drawn twice, and what is known of the calls of a caller stays known, so large
callers tell much (Waudby-Smith, Stark and Ramdas, RiLACS: risk-limiting audits via confidence sequences, 2021). If the
hypothesis holds, the evidence reaches 1 / (1 - confidence) with a chance of 1 - confidence at most, however often it is
looked at (Ville's inequality). More calls are judged only after fewer have passed, so that is the chance of any error.

The order of the draw is by calls and a secret: nobody chooses it, and it is the same each time. So answers of earlier
days count as long as their calls are in the span.
"""

import math
from dataclasses import dataclass
from hashlib import blake2b
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.budgets.bounds import Bounded, Ints, ReferenceCalls, callers_needed, cuts_at

MULTIPLES = (5.0, 10.0, 15.0, 20.0, 30.0)
"""Calls that raise an alert, for each lawful one that may: how many are judged, one after the other."""
SPENT = (1.0, 1.0, 1.0, 0.5, 0.5)
"""Share of the budget that each of them may spend. Answers tell of this span alone, and the lower the margin, the more
the next day's lawful callers differ. With all of the budget at twenty times, 1,279 of a million were hit the next day
at one of nine generated carriers, where 1,000 might be."""
FIRST = 3
"""Of these levels, for labels and then for blocks; then come the others, which take many answers."""
BATCH = 20
"""Callers that are asked about at once."""
MOST_DRAWN = 400
"""Callers that are drawn in one frame, at most: what they do not show is not asked further. Half of a thirtieth takes
205 answers where none is lawful, and some 140 more with one that is."""
EXPECTED, WORTH = 0.01, 20.0
"""Share of lawful callers that is expected before any answer, and how many answers that is worth. It makes evidence
come sooner where it is near the truth, and never wrong."""
LARGEST_ALTERNATIVE = 0.5
"""Of the share that may be lawful: the alternative is below it whatever was found."""
MOSTLY = 0.5
Answers = NDArray[np.int8]
UNKNOWN, LAWFUL, ROBOCALL = -1, 0, 1
"""Answers about calls."""


class Wanted(NamedTuple):
    """Where answers are of use: they are to lead to a margin below one, and not below the other.

    Attributes:
        below: What is reached without further answers.
        floor: What others hold: lower ones would not be taken.
    """

    below: float
    floor: float = -math.inf


@dataclass(frozen=True, slots=True, eq=False)
class AuditedCalls(ReferenceCalls):
    """All calls of a span, with what a person said of some of them; an answer is about a caller.

    Attributes:
        lots: Random keys, the same for the same calls and model, shape (n_calls,).
        answers: `UNKNOWN`, `LAWFUL` or `ROBOCALL`, int8, shape (n_calls,).
    """

    lots: NDArray[np.uint64]
    answers: Answers

    def lowest(self, budget: float, confidence: float) -> Bounded | None:
        """Find the lowest margin at which answers show that the budget is kept.

        Args:
            budget: Share of the calls that may be lawful ones that are hit, in (0, 1).
            confidence: That it is kept, in (0, 1).

        Returns:
            None where they show nothing, and where there are too few callers to tell of others.
        """
        if self.n_callers < callers_needed(budget, confidence):
            return None
        walk = _Walk(self, budget, confidence)
        shown = walk.shown
        return None if shown is None else Bounded(shown.margin, shown.found / len(self.margins), budget, walk.answered)

    def hit_from(self, margin: float, budget: float, confidence: float) -> Bounded:
        """The share of lawful calls hit from a margin on; above what answers show every call counts as one.

        Args:
            margin: Log-odds.
            budget: Share that may be hit.
            confidence: That it is kept.
        """
        hit = float(np.mean(self.margins >= margin))
        shown = self.lowest(budget, confidence)
        if shown is None or margin < shown.margin:
            return Bounded(margin, hit, hit)
        return Bounded(margin, min(hit, shown.share), min(hit, budget), shown.answers)

    def lawful_from(self, margin: float) -> float:
        """Share of the calls that are known to be lawful ones and are hit from a margin on."""
        known = (self.answers == LAWFUL) & (self.margins >= margin)
        return float(np.mean(known))

    def known_lawful_cut(self, budget: float) -> float:
        """The lowest margin from which on no more calls are known to be lawful ones than may be hit.

        Args:
            budget: Share of the calls that may be.
        """
        known = np.sort(self.margins[self.answers == LAWFUL])[::-1]
        spared = int(budget * len(self.margins))
        return float(np.nextafter(known[spared], np.inf)) if spared < len(known) else -math.inf

    def reach(self, budget: float, confidence: float) -> float:  # noqa: ARG002 - others go by it
        """The margin below which no answers lead."""
        return cuts_at(self.margins, [MULTIPLES[-1] * budget])[0]

    def asked(self, budget: float, confidence: float, wanted: Wanted, levels: int = len(MULTIPLES)) -> list[Ints]:
        """About whom a person should be asked now.

        Args:
            budget: Share of the calls that may be lawful ones that are hit.
            confidence: That it is kept.
            wanted: Where answers are of use.
            levels: How many of `MULTIPLES` the answers are to show.

        Returns:
            Places of the calls of each, in order of time; empty where answers would be of no use.
        """
        if self.needless(budget, confidence, wanted, levels):
            return []
        walk, best = (_Walk(self, budget, confidence, levels, guess) for guess in (UNKNOWN, ROBOCALL))
        reached = wanted.below if walk.shown is None else min(wanted.below, max(walk.shown.margin, wanted.floor))
        if best.shown is None or max(best.shown.margin, wanted.floor) >= reached:
            return []
        return [places[np.argsort(self.at_ms[places], kind="stable")] for places in walk.asked]

    def needless(self, budget: float, confidence: float, wanted: Wanted, levels: int = len(MULTIPLES)) -> str:
        """Say why no answer at all could lead to where it is of use; empty where some could.

        Args:
            budget: Share of the calls that may be lawful ones that are hit.
            confidence: That it is kept.
            wanted: Where answers are of use.
            levels: How many of `MULTIPLES` they are to show.
        """
        if self.n_callers < callers_needed(budget, confidence):
            return "there are too few callers"
        lowest = cuts_at(self.margins, [MULTIPLES[levels - 1] * budget])[0]
        if lowest >= wanted.below:
            return "they begin as low as answers can lead"
        return "reciprocal pairs or answers hold them where they are" if wanted.floor >= wanted.below else ""


def lots_of(calls: Ints, calling: Ints, at_ms: Ints, secret: bytes) -> NDArray[np.uint64]:
    """Random keys of calls, shape of each; who does not know the secret cannot choose one.

    Args:
        calls: Keys of call ids, which callers choose: equal ones do not make equal lots.
        calling: Of the calling numbers.
        at_ms: When each was set up, epoch milliseconds.
        secret: Of the carrier and the model.
    """
    seed = np.uint64(int.from_bytes(blake2b(secret, digest_size=8).digest(), "little"))
    found = _mixed(calls.astype(np.uint64) ^ seed)
    for more in (calling, at_ms):
        found = _mixed(found ^ more.astype(np.uint64))
    return found


def _mixed(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finalizer of SplitMix64 (Steele, Lea and Flood, 2014)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


@dataclass(slots=True)
class _Level:
    """One number of calls: is shown to have few enough lawful ones, or not.

    Attributes:
        margin: From which on there are so many.
        total: Calls.
        most: Lawful ones that there may be.
        wanted: Evidence that shows it, a logarithm.
    """

    margin: float
    total: int
    most: float
    wanted: float
    _taken: int = 0
    """Calls of callers who were looked at."""
    _against: int = 0
    """Of these lawful ones, or of callers about whom nobody answered."""
    _draws: int = 0
    _draws_against: int = 0
    _evidence: float = 0.0
    _has_passed: bool = False
    _answered: int = 0
    """Calls about whose callers somebody answered."""
    _lawful: int = 0

    @property
    def is_shown(self) -> bool:
        """Answers show it, and no more calls are known to be lawful than may be."""
        worst = self._against + self.total - self._taken
        return self._lawful <= self.most and (self._has_passed or worst <= self.most)

    @property
    def found(self) -> float:
        """Lawful calls, as far as is found."""
        return self.total * self._lawful / max(self._answered, 1)

    def take(self, calls: int, answer: int, *, is_drawn: bool) -> None:
        """Look at a caller.

        Args:
            calls: That it has here.
            answer: What it is; one about whom nobody answered counts as lawful.
            is_drawn: By lot from all calls here of callers not looked at yet; else it is known for another reason.
        """
        is_against = answer != ROBOCALL
        if is_drawn:
            self._weigh((self.most - self._against) / (self.total - self._taken), is_against=is_against)
        self._taken += calls
        self._against += calls * is_against
        if answer != UNKNOWN:
            self._answered += calls
            self._lawful += calls * is_against

    def _weigh(self, limit: float, *, is_against: bool) -> None:
        """Multiply the evidence against more than `limit` of the calls not looked at being lawful."""
        if 0 < limit < 1:
            expected = (EXPECTED * WORTH + self._draws_against) / (WORTH + self._draws)
            expected = min(expected, LARGEST_ALTERNATIVE * limit)
            self._evidence += math.log(expected / limit if is_against else (1 - expected) / (1 - limit))
            self._has_passed |= self._evidence >= self.wanted
        self._draws += 1
        self._draws_against += is_against


class _Walk:
    """Callers in the order of the draw.

    Args:
        calls: All.
        budget: Share of them that may be lawful ones that are hit.
        confidence: That it is kept.
        levels: How many of `MULTIPLES` are drawn for.
        guess: What callers are taken for about whom nobody answered.

    Attributes:
        shown: The largest level that is shown, as all before it are; None where none is, or there are no calls in it.
        answered: Callers that were drawn and about whom somebody answered.
        asked: Places of the calls of those who are to be asked about.
    """

    def __init__(
        self,
        calls: AuditedCalls,
        budget: float,
        confidence: float,
        levels: int = len(MULTIPLES),
        guess: int = UNKNOWN,
    ) -> None:
        n, wanted = len(calls.margins), -math.log1p(-confidence)
        cuts = cuts_at(calls.margins, [multiple * budget for multiple in MULTIPLES])
        self._top = np.flatnonzero(calls.margins >= cuts[-1])
        self._lots = calls.lots[self._top]
        self._is_in = [calls.margins[self._top] >= cut for cut in cuts]
        _, self._codes = np.unique(calls.callers[self._top], return_inverse=True)
        self._calls = [np.bincount(self._codes[inside], minlength=self._n_codes) for inside in self._is_in]
        self._levels = [
            _Level(cut, int(its.sum()), spent * budget * n, wanted)
            for cut, its, spent in zip(cuts, self._calls, SPENT, strict=True)
        ]
        self._said = _said(calls.answers[self._top], self._codes, self._n_codes)
        self._said[self._said == UNKNOWN] = guess
        self._is_known = np.zeros(self._n_codes, np.bool_)
        self.answered = 0
        self.asked: list[Ints] = []
        for frame in range(1, levels):  # the first level is judged by draws from the second
            if not self._drew(frame):
                break
        passed = list(takewhile(lambda level: level.is_shown, self._levels[:levels]))
        self.shown = passed[-1] if passed and passed[-1].total else None

    @property
    def _n_codes(self) -> int:
        return int(self._codes.max(initial=-1)) + 1

    def _drew(self, frame: int) -> bool:
        """Draw from one frame; whether the answers show what they should. If not, those who have none are asked."""
        turn = self._turn(frame)[:MOST_DRAWN]
        for call in turn.tolist():
            if self._is_done(frame):
                return True
            self._take(call, frame)
        if self._is_done(frame):
            return True
        codes = self._codes[turn]
        for code in codes[self._said[codes] == UNKNOWN][:BATCH].tolist():
            self.asked.append(self._top[self._is_in[frame] & (self._codes == code)])
        return False

    def _is_done(self, frame: int) -> bool:
        """Whether the level that a frame is drawn for is shown, and all before it."""
        return all(level.is_shown for level in self._levels[: frame + 1])

    def _turn(self, frame: int) -> Ints:
        """The call by which each unknown caller of a frame is drawn, in order: earlier ones have more calls there."""
        unknown = np.flatnonzero(self._is_in[frame] & ~self._is_known[self._codes])
        own = _mixed(self._lots[unknown] + np.uint64(frame))  # the order in one frame tells nothing of another
        order = unknown[np.argsort(own, kind="stable")]
        _, first = np.unique(self._codes[order], return_index=True)
        turn: Ints = order[np.sort(first)]
        return turn

    def _take(self, call: int, frame: int) -> None:
        """Note what is known of the caller of a call that was drawn."""
        code = self._codes[call]
        answer = int(self._said[code])
        for number, level in enumerate(self._levels):
            is_drawn = number <= frame and bool(self._is_in[number][call])
            level.take(int(self._calls[number][code]), answer, is_drawn=is_drawn)
        self._is_known[code] = True
        self.answered += answer != UNKNOWN


def _said(answers: Answers, codes: Ints, n_codes: int) -> Answers:
    """What answers about the calls of each caller come to, shape (n_codes,)."""
    known = answers != UNKNOWN
    calls = np.bincount(codes[known], minlength=n_codes)
    robocalls = np.bincount(codes[answers == ROBOCALL], minlength=n_codes)
    found = np.where(robocalls > MOSTLY * calls, ROBOCALL, LAWFUL)
    return np.where(calls > 0, found, UNKNOWN).astype(np.int8)
