"""The lawful callers of the second author. Their bursts are bigger than most campaigns.

In all of these `at` is where callers are put and `random` the generator's own source of chance. A `share` is of all
calls, `bad` one of the numbers called, both in [0, 1].
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from models.traffic.second.callers import Carried, Dialled, Ends, Numbering, Pair, Route, Sender, Trunk, signed

CHAT = ((1.0, 65.0, 1.3),)
SERVICE = ((1.0, 140.0, 0.9),)
MESSAGE = ((0.3, 6.0, 0.6), (0.55, 27.0, 0.3), (0.15, 50.0, 0.6))
BRIEF = ((1.0, 24.0, 0.8),)
PITCH = ((0.4, 10.0, 0.8), (0.45, 50.0, 0.9), (0.15, 280.0, 0.6))
"""Talk times: persons (median and mean as of mobile phones), service, read-out messages, drivers, sales talk."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where callers are put: the numbers, the trunk groups by kind, how long the traffic is, calls a second."""

    numbers: Numbering
    trunks: dict[str, list[Trunk]]
    length_s: float
    calls_per_second: float

    def any_trunk(self, random: Random, kinds: str) -> Trunk:
        """A trunk group of one of the kinds, which are separated by blanks."""
        return random.choice(self.trunks[random.choice(kinds.split())])


def persons(at: Setting, share: float) -> Sender:
    """All persons together: they call whom they know, and a shop or a stranger now and then."""
    home = {block: at.any_trunk(Random(block), "tier1 tier1 regional") for block in at.numbers.away}

    def pair(random: Random, _now: float) -> tuple[str, Dialled]:
        who = at.numbers.talkative(random)
        if random.random() < 0.85:
            return at.numbers.person(who), (at.numbers.person(at.numbers.known(random, who)), random.random() > 0.008)
        return at.numbers.person(who), (at.numbers.subscriber(random), random.random() > 0.03)

    def route(random: Random, _now: float, calling: str) -> Carried:
        if calling[2:8] not in home:
            return Carried(at.any_trunk(Random(calling), "access"))
        return signed(random, home[calling[2:8]] if random.random() < 0.88 else at.any_trunk(random, "wholesale"))

    return Sender("person", share * at.calls_per_second, pair, route, Ends(0.66, CHAT), "person", named=0.35)


def abroad(at: Setting, share: float) -> Sender:
    """Persons abroad: with numbers of there, or roaming with one of here."""

    def pair(random: Random, _now: float) -> tuple[str, Dialled]:
        who, code = at.numbers.talkative(random), random.choice(("44", "52", "91", "63", "49", "1876", "216", "53"))
        there = f"+{code}{int(2e6 + 7e6 * (who * 0.6180339887 % 1)):07d}"
        calling = at.numbers.person(who) if who % 3 == 0 else there
        return calling, (at.numbers.person(who - who % 4), random.random() > 0.02)

    def route(random: Random, _now: float, _calling: str) -> Carried:
        return signed(random, at.any_trunk(random, "gateway"))

    return Sender("person", share * at.calls_per_second, pair, route, Ends(0.6, CHAT), "person", named=0.1)


def customer(at: Setting, random: Random, kinds: str = "hosted hosted wholesale regional tier1") -> Route:
    """How calls of a business come in: by one trunk group or two, signed for it or as all others there are."""
    own = [at.any_trunk(random, kinds) for _ in range(random.choice((1, 1, 1, 2)))]
    level = random.choices(("A", "B", "C"), (0.7, 0.22, 0.08))[0]
    origid = f"{random.getrandbits(64):016x}" if random.random() < 0.5 else ""
    is_signed, arrives = random.random() < 0.5, random.uniform(0.7, 1.0)

    def route(random: Random, _now: float, _calling: str) -> Carried:
        trunk = own[0] if len(own) == 1 or random.random() < 0.7 else own[1]
        if is_signed and random.random() < arrives:
            return Carried(trunk, level, origid or trunk.origids[0])
        return Carried(trunk)

    return route


def dials(called: Callable[[Random], str], numbers: list[str], bad: float) -> Pair:
    """Calls by any of the numbers to whoever `called` says; a share of the numbers called is out of service."""
    return lambda random, _now: (random.choice(numbers), (called(random), random.random() >= bad))


def clients(at: Setting, random: Random, count: int) -> Callable[[Random], str]:
    """People whom somebody calls again and again."""
    known = [at.numbers.subscriber(random) for _ in range(count)]
    return lambda random: known[int(len(known) * random.random() ** 2)]


def once(at: Setting, random: Random, count: int) -> Callable[[Random], str]:
    """A list that is worked through from its start."""
    start, step = random.randrange(at.numbers.people), random.choice((613, 1_021, 3_301))
    place = iter(range(10**9))
    size = at.numbers.people // 4
    return lambda _: at.numbers.person(4 * ((start + step * (next(place) % count)) % size))


def bodies(at: Setting, random: Random) -> Iterator[Sender]:
    """Many small lawful callers: offices, drivers, rides, holders of new numbers."""
    total = at.calls_per_second
    for _ in range(round(total * 25)):
        numbers = at.numbers.rented(random, random.choice((1, 1, 2, 5, 12)), 1)
        called = clients(at, random, random.choice((40, 120, 400)))
        rate = total * 0.14 / (total * 25) * random.choice((0.3, 0.6, 1.0, 1.6))
        yield Sender("business", rate, dials(called, numbers, 0.012), customer(at, random), Ends(0.68, CHAT))
    for _ in range(round(total * 9)):
        route = customer(at, random, "tier1 tier1 regional access")
        driver = [at.numbers.person(at.numbers.talkative(random))]
        pair = dials(at.numbers.subscriber, driver, 0.015)
        yield Sender("delivery", 0.03 / 9 * random.uniform(0.5, 1.5), pair, route, Ends(0.55, BRIEF), named=0.2)
    for _ in range(round(max(2, total / 12))):
        proxies = at.numbers.rented(random, 250, 4)
        pair = dials(at.numbers.subscriber, proxies, 0.004)
        yield Sender("ride_proxy", 0.02 * 12, pair, customer(at, random, "hosted"), Ends(0.7, BRIEF), "person")
    for _ in range(round(total * 6)):
        begin = random.uniform(0, at.length_s)
        number = [at.numbers.stranger(random)]
        pair = dials(clients(at, random, 60), number, 0.02)
        route = customer(at, random, "tier1 regional")
        rate = 40 / 7200 * random.uniform(0.4, 2.0)
        yield Sender("new_number", rate, pair, route, Ends(0.6, CHAT), begin_s=begin, stop_s=begin + 3_600)


_CENTRES: tuple[tuple[str, float, float, tuple[int, ...], int, Ends, float], ...] = (
    ("outbound_call_centre", 0.05, 0.12, (1, 3, 10, 40, 200), 6, Ends(0.42, PITCH, 20.0), 0.045),
    ("debt_collection", 0.015, 0.08, (5, 20, 60), 5, Ends(0.28, PITCH, 22.0), 0.03),
    ("survey", 0.008, 0.1, (1, 4, 20), 3, Ends(0.3, PITCH, 22.0), 0.10),
    ("political", 0.01, 0.15, (1, 8, 60), 4, Ends(0.36, MESSAGE, 22.0), 0.06),
)
"""Kind, share of all calls, calls a second of each, how many numbers of how many blocks, how calls end, bad numbers."""


def centres(at: Setting, random: Random) -> Iterator[Sender]:
    """Call centres, collectors, banks and bridges: calls out all day, and calls in."""
    total = at.calls_per_second
    for kind, share, each, counts, spread, ends, bad in _CENTRES:
        for _ in range(max(3, round(total * share / each))):
            own = at.numbers.rented(random, random.choice(counts), spread)
            called = once(at, random, random.choice((800, 3_000, 20_000)))
            if kind == "debt_collection":
                called = clients(at, random, 500)
            rate, begin = each * random.uniform(0.4, 1.6), random.uniform(-2, 0.7) * at.length_s
            pair, stop = dials(called, own, bad * random.uniform(0.4, 1.8)), begin + 3 * at.length_s
            yield Sender(kind, rate, pair, customer(at, random), ends, begin_s=begin, stop_s=stop)
    for kind, share, each, talk in (("inbound_call_centre", 0.06, 0.1, SERVICE), ("conference", 0.01, 0.03, SERVICE)):
        for _ in range(max(3, round(total * share / each))):
            callee = at.numbers.subscriber(random)
            yield Sender(kind, each, _call_in(at, callee), persons(at, 0).route, Ends(0.93, talk, busy=0.02), named=0.3)
    for _ in range(max(4, round(total / 8))):
        code_numbers = [at.numbers.toll_free(random) for _ in range(random.choice((1, 2, 10)))]
        pair, ends = dials(at.numbers.subscriber, code_numbers, 0.006), Ends(0.72, BRIEF)
        yield Sender("passcode", 0.02 * 8, pair, customer(at, random, "tier1 hosted"), ends, "person")


def _call_in(at: Setting, callee: str) -> Pair:
    return lambda random, _now: (at.numbers.person(at.numbers.talkative(random)), (callee, True))


def bursts(at: Setting, random: Random) -> Iterator[Sender]:
    """Reminders in batches, alerts to thousands within minutes, bridges that call out at the full hour."""
    calls = at.calls_per_second * at.length_s
    plans = (
        ("reminder", 0.04, (80, 250, 600, 1_500), (20, 120), Ends(0.62, MESSAGE), 0.018),
        ("mass_alert", 0.045, (400, 1_200, 3_000, 6_000), (2, 9), Ends(0.6, MESSAGE), 0.03),
        ("conference", 0.006, (6, 15, 40), (0.5, 1.5), Ends(0.75, SERVICE), 0.005),
    )
    for kind, share, sizes, minutes, ends, bad in plans:
        left = share * calls
        while left > 0:
            size, length = random.choice(sizes) * random.uniform(0.6, 1.6), 60 * random.uniform(*minutes)
            begin = random.uniform(0, at.length_s)
            if kind == "conference":
                begin = 1_800 * (begin // 1_800)
            own = at.numbers.rented(random, random.choice((1, 1, 1, 3)), 1)
            if random.random() < 0.25:
                own = [at.numbers.toll_free(random)]
            pair, route = (
                dials(once(at, random, round(size)), own, bad * random.uniform(0.3, 2.0)),
                customer(at, random),
            )
            yield Sender(kind, size / length, pair, route, ends, "always", begin, begin + length)
            left -= size
            if random.random() < 0.6:  # they were heard before: an earlier, smaller round
                yield Sender(kind, size / length / 8, pair, route, ends, "always", 0.0, min(begin, length))


def returned(at: Setting, number: str, begin_s: float, calls: float) -> Sender:
    """Call-backs of strangers to a number that was misused: so many in the hour after `begin_s` seconds of traffic."""
    pair, ends = _call_in(at, number), Ends(0.5, BRIEF)
    return Sender(
        "spoofed_callback", calls / 3_600, pair, persons(at, 0).route, ends, "always", begin_s, begin_s + 3_600
    )
