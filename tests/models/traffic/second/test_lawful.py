"""Lawful callers of the second author call whom such callers call, all within the traffic that was asked for."""

from collections import Counter
from random import Random

from models.traffic.second.lawful import bodies, bursts, centres, clients, dials, once, persons, returned
from tests.models.traffic.second.settings import setting


def test_persons_call_few_people_and_mostly_those() -> None:
    """Seven of ten calls of the busiest go to 56 numbers at most, of 10,000 subscribers and 30,000 others."""
    at, random = setting(), Random(1)
    sender = persons(at, 0.5)
    by_caller: dict[str, Counter[str]] = {}
    for _ in range(60_000):
        calling, (called, _) = sender.pair(random, 0.0)
        by_caller.setdefault(calling, Counter())[called] += 1
    busiest = max(by_caller.values(), key=lambda called: called.total())

    assert sender.rate == 5.0
    assert sum(calls for _, calls in busiest.most_common(56)) > 0.7 * busiest.total()


def test_a_list_is_worked_through_before_anybody_is_called_again() -> None:
    at, random = setting(), Random(1)
    called = once(at, random, 500)

    first, second = ([called(random) for _ in range(500)] for _ in range(2))

    assert len(set(first)) == 500
    assert first == second


def test_clients_are_called_again_and_again() -> None:
    called, random = clients(setting(), Random(1), 40), Random(2)

    assert len({called(random) for _ in range(1_000)}) <= 40


def test_a_share_of_the_called_numbers_is_out_of_service() -> None:
    random = Random(1)
    pair = dials(lambda _: "+16142000001", ["+16142000002"], 0.1)

    in_service = [pair(random, 0.0)[1][1] for _ in range(5_000)]

    assert 0.88 < sum(in_service) / len(in_service) < 0.92


def test_no_lawful_caller_has_a_campaign() -> None:
    """And each says how it ends its calls and by which trunk group they come in."""
    at, random = setting(), Random(1)
    known = {trunk for of_kind in at.trunks.values() for trunk in of_kind}

    for sender in (*bodies(at, random), *centres(at, random), *bursts(at, random)):
        assert sender.campaign == ""
        assert sender.rate > 0
        assert sender.route(random, 0.0, "+16142000001").trunk in known


def test_call_backs_go_to_the_number_that_was_misused_within_an_hour() -> None:
    sender, random = returned(setting(), "+16142000001", 100.0, 360.0), Random(1)

    assert (sender.begin_s, sender.stop_s) == (100.0, 3_700.0)
    assert sender.rate * 3_600 == 360.0
    assert {sender.pair(random, 200.0)[1] for _ in range(100)} == {("+16142000001", True)}
