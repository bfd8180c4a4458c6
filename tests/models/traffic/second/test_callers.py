"""Numbers that callers can have, trunk groups that sign as their kind does, and ends that a switch would report."""

from random import Random

import pytest

from detector.contract.events import ReleasedBy
from models.traffic.second.callers import Ends, Numbering, Trunk, blocks, signed, trunks

TALK = ((1.0, 60.0, 0.5),)
LEVELS = (0.5, 0.3, 0.2)


def test_blocks_are_different_and_none_is_of_a_service_code() -> None:
    """N11 are 211 to 911: nobody has such a number."""
    found = blocks(Random(1), 700, ("614",))

    assert len(set(found)) == 700
    assert all(block[:3] == "614" and block[3] >= "2" and block[4:] != "11" for block in found)


def test_persons_have_numbers_of_their_own_and_few_to_call() -> None:
    """No two persons share a number; one of caller and called is a subscriber of this carrier, each time."""
    numbers, random = Numbering(40_000, Random(5)), Random(6)

    assert len({numbers.person(who) for who in range(40_000)}) == 40_000
    known = [numbers.known(random, 4_321) for _ in range(2_000)]
    assert len(set(known)) <= 14
    assert all(who % 4 == 0 for who in known)
    assert all(numbers.dialled_line(row * 1_299_709) == (numbers.person(4 * row), True) for row in (0, 17, 9_999))


def test_rented_numbers_are_of_no_more_blocks_than_asked_for() -> None:
    numbers = Numbering(4_000, Random(5))

    assert len({number[:8] for number in numbers.rented(Random(6), 500, 3)}) == 3
    assert len(numbers.rented(Random(6), 500, 3)) == 500


def test_there_are_at_least_two_trunk_groups_of_each_kind() -> None:
    """However few are asked for; their names are different."""
    found = trunks(Random(1), 5)

    assert min(map(len, found.values())) == 2
    names = [trunk.name for of_kind in found.values() for trunk in of_kind]
    assert len(set(names)) == len(names)
    assert all(0.0 <= trunk.signed <= 0.95 for of_kind in found.values() for trunk in of_kind)


@pytest.mark.parametrize(("share", "levels"), [(0.0, {""}), (1.0, {"A", "B", "C", "F"})])
def test_calls_are_signed_as_those_of_their_trunk_group(share: float, levels: set[str]) -> None:
    """A signed call has an origination id of the trunk group; some do not verify."""
    trunk, random = Trunk("T", "hosted", "1234", share, LEVELS, ("one", "two")), Random(1)

    found = [signed(random, trunk) for _ in range(2_000)]

    assert {one.level for one in found} == levels
    assert {one.origid for one in found} == ({"one", "two"} if share else {""})


def test_a_number_that_is_out_of_service_is_never_answered() -> None:
    ends, random = Ends(1.0, TALK), Random(1)

    for _ in range(200):
        status, answer_ms, end_ms, cause, by = ends.finish(random, False, 1_000)
        assert (status, cause) in {(404, 1), (484, 28)}
        assert (answer_ms, by) == (None, ReleasedBy.NETWORK)
        assert 1_000 < end_ms <= 3_001


@pytest.mark.parametrize(
    ("ends", "status"),
    [(Ends(1.0, TALK), {200}), (Ends(0.0, TALK, busy=1.0), {486}), (Ends(0.0, TALK, busy=0.0, declined=1.0), {603}),
     (Ends(0.0, TALK, busy=0.0, declined=0.0), {480, 487})],
)  # fmt: skip
def test_calls_end_as_their_caller_and_called_behave(ends: Ends, status: set[int]) -> None:
    """Only what was answered has an instant of answer, and it ends later than that."""
    random = Random(1)

    found = [ends.finish(random, True, 1_000) for _ in range(300)]

    assert {one[0] for one in found} == status
    for code, answer_ms, end_ms, _, _ in found:
        assert (answer_ms is None) == (code != 200)
        assert 1_000 < (answer_ms or 1_001) <= end_ms
