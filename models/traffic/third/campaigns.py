"""The campaigns of the third author: what robocallers do, and the calls back that it brings to others."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.traffic.third.callers import Line
from models.traffic.third.calls import Calls, Columns, Manner, outcome
from models.traffic.third.carrier import NONE, A, Array, B, C, Carrier

_SIZES = {
    "low_and_slow": (0.006, 0.04, 60, 400),
    "flood": (0.08, 0.8, 8, 60),
    "telephony_dos": (0.3, 2.0, 3, 20),
    "wangiri": (0.08, 0.7, 8, 50),
    "snowshoe": (0.06, 0.5, 30, 200),
    "a_attested_rotation": (0.04, 0.4, 30, 200),
    "stop_and_return": (0.08, 0.4, 60, 150),
}
_USUAL_SIZE = (0.05, 0.5, 12, 100)
"""Calls a second and minutes of a campaign, least and most."""
_LEAST_HISTORY_S = 600
"""A shorter history has but campaigns that go on into what is judged."""


@dataclass(slots=True)
class _Campaign:
    """A campaign as most are; each kind then changes what is its own. One entry a call, or one for all."""

    times: Array
    caller: Any
    called: Array
    dead: Array
    """Which called numbers do not exist."""
    provider: Any
    attest: Any
    customer: int
    trunk: Array
    ends: Columns
    few: Array
    """Calling numbers, drawn from a few."""
    risky: Array
    """Providers that robocallers are customers of."""


def campaigns(carrier: Carrier, calls: Calls, lines: list[Line]) -> None:
    """Add the campaigns of every kind: in what is judged, and before it at the same pace.

    Args:
        carrier: Whose traffic it is.
        calls: To which they are added.
        lines: Lines of businesses that may be hijacked.
    """
    number, judged_calls = 0, carrier.calls * (1 - carrier.history_s / carrier.span_s)
    for kind, share in carrier.robocall_shares.items():
        judged = share * carrier.robocall_share * judged_calls
        has_history = carrier.history_s >= _LEAST_HISTORY_S
        before = judged * carrier.history_s / (carrier.span_s - carrier.history_s) if has_history else 0.0
        left, most, first = judged, max(judged * 0.45, 30), number
        while left > 0 or before > 0:
            times = _times(carrier, kind, left, before, most, begins_soon=number < first + 2)
            if len(times) >= 4:
                made = _campaign(carrier, lines, kind, times)
                found = int(((made.times >= carrier.history_s) & (made.times < carrier.span_s)).sum())
                _place(carrier, calls, kind, made, number)
                left, before = left - found, before - (len(times) - found)
                number += 1


def _times(carrier: Carrier, kind: str, left: float, before: float, most: float, *, begins_soon: bool) -> Array:
    """When a next campaign calls; nothing where it would not do for what is wanted yet."""
    random, history, span = carrier.random, carrier.history_s, carrier.span_s
    low, high, short, long = _SIZES.get(kind, _USUAL_SIZE)
    length = np.exp(random.uniform(np.log(short), np.log(long))) * 60
    begin = random.uniform(-0.5 * length, span)
    if begins_soon:
        begin = random.uniform(history - 0.5 * length, history + 0.4 * (span - history))
    first, last = max(begin, 0.0), min(begin + length, span)
    if left <= 0:  # what is wanted yet is over before the judged calls
        last = min(last, history - random.uniform(0, 900))
    if before <= 0:
        first = max(first, history)
    if last - first < 60:
        return np.empty(0)
    rate = np.exp(random.uniform(np.log(low), np.log(high))) * carrier.scale
    inside, outside = max(last - max(first, history), 0.0), max(min(last, history) - first, 0.0)
    rate = min(rate, min(max(left, 25), most) / max(inside, 1e-9), 2 * max(before, 25) / max(outside, 1e-9))
    n = int(random.poisson(rate * (last - first)))
    return np.sort(random.uniform(first, last, n)) if n >= 4 else np.empty(0)


def _targets(carrier: Carrier, n: int, style: float, bad: float) -> tuple[Array, Array]:
    """Called numbers and which of them do not exist: a bought list, random dialling, or one area."""
    random = carrier.random
    if style < 0.25:
        called = random.choice(carrier.blocks, n) * 1000 + random.integers(0, 1000, n)
        return called, ~carrier.is_assigned(called) & (random.random(n) < 0.95)
    source = carrier.own
    if style >= 0.7:
        source = source[source // 10_000_000 == random.choice(source // 10_000_000)]
    known = np.concatenate([source, random.choice(carrier.own_business, len(source) // 10 + 1)])
    listed = random.choice(known, max(5, int(n * random.uniform(0.9, 2.5))))
    called = random.choice(listed, n) if style > 0.5 else random.permutation(listed)[np.arange(n) % len(listed)]
    return called, random.random(n) < bad


def _campaign(carrier: Carrier, lines: list[Line], kind: str, times: Array) -> _Campaign:
    random, n = carrier.random, len(times)
    if random.random() < 0.3:
        wave = random.uniform(10, 90)
        times = np.floor(times / wave) * wave + random.gamma(1.5, wave / 10, n)
    risky = np.flatnonzero(carrier.is_of("voip", "wholesale", "gateway", "rural"))
    weight = (carrier.business_share + 0.01)[risky]
    provider = 0 if random.random() < 0.07 else int(random.choice(risky, p=weight / weight.sum()))
    level = random.choice(4, p=[0.33, 0.14, 0.3, 0.23])
    attest = np.where(random.random(n) < 0.95, level, NONE)
    customer = int(random.integers(1, 2**40))
    called, dead = _targets(carrier, n, random.random(), min(0.6, random.beta(1.5, 12) * carrier.list_quality))
    manner = Manner(
        carrier.unknown_answer * random.uniform(0.6, 1.15),
        random.uniform(9, 26),
        short=random.uniform(0.3, 0.7),
        spread=random.uniform(0.25, 0.6),
        voicemail_talk_s=random.uniform(6, 32),
        bad=dead,
    )
    least, most = sorted(random.uniform(12, 38, 2).tolist())
    manner = replace(manner, patience_s=(least, most + 1))
    ends = outcome(carrier, n, manner)
    few = random.choice(carrier.pool(1, int(random.integers(1, 12))), n)
    made = _Campaign(times, few, called, dead, provider, attest, customer, np.full(n, -1), ends, few, risky)
    if kind == "hijacked_number":
        _hijacked(carrier, made, lines)
    else:
        _HABITS[kind](carrier, made)
    return made


def _place(carrier: Carrier, calls: Calls, kind: str, made: _Campaign, number: int) -> None:
    """Add a campaign, and calls back to the number seen: the line of somebody else, or nobody's."""
    shared: dict[str, Any] = {"customer": made.customer, "trunk": made.trunk, "attest": made.attest}
    part = calls.add(kind, made.times, made.caller, made.called, made.provider, made.ends, campaign=number, **shared)
    random, n = carrier.random, len(made.times)
    chosen = (random.random(n) < random.uniform(0.01, 0.06)) & np.isin(part["status"], (200, 487, 480))
    chosen &= (kind != "telephony_dos") & ((part["caller"] >= 0) | (kind == "wangiri"))  # junk cannot be dialled
    n_back = int(chosen.sum())
    bad = 0.1 if kind in {"flood", "hijacked_number"} else 0.35
    ends = outcome(carrier, n_back, Manner(0.45, 28, short=0.3, bad=bad))
    times, called = part["t"][chosen] + random.lognormal(5.3, 1.2, n_back), part["called"][chosen]
    calls.add("spoofed_callback", times, called, part["caller"][chosen], carrier.home(called), ends)


def _flood(carrier: Carrier, made: _Campaign) -> None:
    number = [
        carrier.toll_free(1)[0],
        carrier.numbers(1)[0],
        carrier.random.choice(carrier.own),
        carrier.random.choice(carrier.foreign),
    ]
    made.caller = carrier.random.choice(number)


def _snowshoe(carrier: Carrier, made: _Campaign) -> None:
    random, n = carrier.random, len(made.times)
    many = carrier.pool(1, int(np.exp(random.uniform(np.log(150), np.log(3000)))))
    made.caller = many[np.arange(n) % len(many)] if random.random() < 0.3 else random.choice(many, n)


def _a_attested_rotation(carrier: Carrier, made: _Campaign) -> None:
    _snowshoe(carrier, made)
    made.attest = A


def _one_number_per_call(carrier: Carrier, made: _Campaign) -> None:
    random, n = carrier.random, len(made.times)
    borrowed = random.random(n) < random.random()
    made.caller = np.where(borrowed, random.choice(carrier.foreign, n), carrier.numbers(n, local=random.random()))


def _neighbour_spoofing(carrier: Carrier, made: _Campaign) -> None:
    """Numbers of the exchange that is called, or of its area."""
    random, n = carrier.random, len(made.times)
    digits = 10_000 if random.random() < 0.7 else 10_000_000
    line = random.integers(0, 10_000, n)
    exchange = carrier.exchange(n) * (0 if digits == 10_000 else 10_000)
    made.caller = made.called // digits * digits + exchange + line


def _sequential_dialling(carrier: Carrier, made: _Campaign) -> None:
    random, n, blocks = carrier.random, len(made.times), carrier.blocks
    step = random.integers(0, len(blocks) * 1000) + np.cumsum(random.integers(1, random.integers(2, 5), n))
    called = blocks[step // 1000 % len(blocks)] * 1000 + step % 1000
    made.called = called if random.random() < 0.6 else called[np.argsort(np.arange(n) + random.uniform(0, 6, n))]
    dead = ~carrier.is_assigned(made.called)
    failed = {"status": 404, "talk": 0, "by": 2, "ring": 0.6}
    made.ends = {name: np.where(dead, failed[name], value) for name, value in made.ends.items()}


def _low_and_slow(carrier: Carrier, made: _Campaign) -> None:
    pool = carrier.pool(1, int(carrier.random.integers(5, 80)))
    made.caller = carrier.random.choice(pool, len(made.times))


def _hijacked(carrier: Carrier, made: _Campaign, lines: list[Line]) -> None:
    """Call with a business's number, by its own lines or, where only the number is borrowed, by another way."""
    random = carrier.random
    if not lines:
        return
    line = lines[int(random.integers(len(lines)))]
    made.caller = line.number
    if random.random() < 0.5:
        made.provider, made.customer = int(random.choice(made.risky)), int(random.integers(1, 2**40))
        made.attest = random.choice([NONE, B, C])
    else:
        made.provider, made.customer = line.provider, line.shared["customer"]
        made.trunk, made.attest = line.shared["trunk"], -1


def _wangiri(carrier: Carrier, made: _Campaign) -> None:
    """Numbers of costly destinations that ring once."""
    random, n = carrier.random, len(made.times)
    count = int(random.integers(1, 40))
    costly = ["+23278", "+21651", "+37127", "+1473", "+1876", "+2472", "+67572", "+25261"]
    prefix = str(random.choice(costly))
    made.caller = random.choice(
        carrier.text([f"{prefix}{line:07d}"[:13] for line in random.integers(0, 10**7, count)]), n
    )
    made.provider = int(random.choice(np.flatnonzero(carrier.is_of("gateway"))))
    live = random.random(n) < 0.04
    made.ends = {
        "status": np.where(made.dead, 404, np.where(live, 200, 487)),
        "ring": random.gamma(4, 0.6, n),
        "talk": np.where(live & ~made.dead, random.gamma(2, 2, n), 0.0),
        "by": np.where(made.dead, 2, 0),
    }


def _telephony_dos(carrier: Carrier, made: _Campaign) -> None:
    random, n = carrier.random, len(made.times)
    victims = [random.choice(carrier.own_business), random.choice(carrier.own), carrier.inbound[-1]]
    made.called = np.full(n, random.choice(victims))
    made.caller = made.few if random.random() < 0.3 else carrier.numbers(n, local=random.random())
    human, talk_s = random.uniform(0.1, 0.7), random.uniform(5, 90)
    made.ends = outcome(carrier, n, Manner(human, talk_s, voicemail=0.1, busy=random.uniform(0.1, 0.5)))


def _invalid_numbers(carrier: Carrier, made: _Campaign) -> None:
    """Numbers that no caller can have, or that are only ever called."""
    random, n = carrier.random, len(made.times)
    areas, lines = random.choice(["000", "111", "199", "911", "097"], 30), random.integers(0, 10**7, 30)
    bad = [f"+1{area}{line:07d}" for area, line in zip(areas, lines, strict=True)]
    bad += [str(one) for one in random.integers(10**4, 10**9, 10)]
    bad += ["+15550000000", "0000000000", "unknown", "+1"]
    fake = carrier.text(random.choice(bad, int(random.integers(1, 40))).tolist())
    only_called = random.random() >= 0.55
    made.caller = random.choice(random.choice(carrier.inbound, 3) if only_called else fake, n)


def _trunk_hopping(carrier: Carrier, made: _Campaign) -> None:
    random, n = carrier.random, len(made.times)
    hops = random.choice(len(carrier.routes), int(random.integers(4, 16)))
    every = random.uniform(5, 600)
    at_random = random.random() < 0.5
    turn = random.integers(0, len(hops), n) if at_random else (made.times / every).astype(int) % len(hops)
    made.provider = hops[turn]
    made.trunk = carrier.routes[made.provider, random.integers(0, 3, n)]
    made.attest = np.where(random.random(n) < 0.5, made.attest, -1)
    made.caller = random.choice(carrier.pool(1, int(random.integers(1, 300))), n)


def _padded_durations(carrier: Carrier, made: _Campaign) -> None:
    """Calls to friends who stay on the line hide the short ones."""
    random, n = carrier.random, len(made.times)
    friend = random.random(n) < random.uniform(0.25, 0.6)
    friends = carrier.people(int(random.integers(5, 40)))
    made.called = np.where(friend, random.choice(friends, n), made.called)
    long = outcome(carrier, n, Manner(0.97, random.uniform(90, 300), voicemail=0.0, spread=0.3))
    made.ends = {name: np.where(friend, value, made.ends[name]) for name, value in long.items()}


def _poor_list(carrier: Carrier, made: _Campaign) -> None:
    random, n = carrier.random, len(made.times)
    manner = Manner(carrier.unknown_answer * 0.8, 15, short=0.5, bad=random.uniform(0.3, 0.7))
    made.ends = outcome(carrier, n, manner)
    if random.random() >= 0.6:
        made.caller = random.choice(carrier.pool(1, int(random.integers(20, 400))), n)


def _stop_and_return(carrier: Carrier, made: _Campaign) -> None:
    """Work for a part of every cycle, each time with other numbers."""
    random = carrier.random
    cycle, work = random.uniform(900, 2700), random.uniform(0.3, 0.6)
    made.times = np.floor(made.times / cycle) * cycle + (made.times % cycle) * work
    n_cycles = int(made.times.max() / cycle) + 1
    pools = [carrier.pool(1, int(np.exp(random.uniform(0, 5)))) for _ in range(n_cycles)]
    made.caller = np.array([random.choice(pools[one]) for one in (made.times / cycle).astype(int)])


_HABITS: dict[str, Callable[[Carrier, _Campaign], None]] = {
    "flood": _flood,
    "snowshoe": _snowshoe,
    "one_number_per_call": _one_number_per_call,
    "neighbour_spoofing": _neighbour_spoofing,
    "sequential_dialling": _sequential_dialling,
    "low_and_slow": _low_and_slow,
    "wangiri": _wangiri,
    "telephony_dos": _telephony_dos,
    "invalid_numbers": _invalid_numbers,
    "a_attested_rotation": _a_attested_rotation,
    "trunk_hopping": _trunk_hopping,
    "padded_durations": _padded_durations,
    "poor_list": _poor_list,
    "stop_and_return": _stop_and_return,
}
