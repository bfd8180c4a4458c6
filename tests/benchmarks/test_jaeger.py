"""The simulation of signed tracebacks: what records name, on small ways by hand and in a small network."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.jaeger import SHARES, is_origin_found, is_path_found, network, row, ways


@pytest.mark.parametrize(
    ("members", "origin", "path"),
    [
        ({1, 2, 3, 4}, True, True),
        ({1}, True, False),
        ({2}, True, False),  # it had the call from 1
        ({2, 3}, True, True),  # 1 -> 2 and 2 -> 3 by 2, 3 -> 4 by 3
        ({3}, False, False),
        ({1, 3}, True, True),
        ({1, 4}, True, False),  # nobody says that 2 sent it to 3
        (set(), False, False),
    ],
)
def test_records_name_their_own_carrier_and_its_neighbours(members: set[int], *, origin: bool, path: bool) -> None:
    assert is_origin_found((1, 2, 3, 4), members) is origin
    assert is_path_found((1, 2, 3, 4), members) is path


def test_more_who_take_part_find_more_and_all_find_all() -> None:
    rng = np.random.default_rng(3)
    neighbours = network(300, rng)
    calls = ways(neighbours, 500, rng)
    assert all(way[0] != way[-1] and len(set(way)) == len(way) for way in calls)
    assert all(other in neighbours[one] for way in calls for one, other in pairwise(way))
    rows = [row(neighbours, calls, share, rng)["largest"] for share in SHARES]
    for name in ("origin_percent", "path_percent"):
        shares = [one[name] for one in rows]
        assert shares == sorted(shares)
        assert shares[-1] == 100
    assert all(one["path_percent"] <= one["origin_percent"] for one in rows)
