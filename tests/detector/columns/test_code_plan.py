"""What codes of a calling number say of it."""

import numpy as np
import pytest

from detector.columns import code_plan
from detector.columns.arrays import Flags
from detector.columns.code_plan import NO_LIST, codes_id, unassigned_blocks
from detector.features.number_features import NUMBER_FEATURES

FREE = unassigned_blocks({6: np.array([212_555]), 7: np.array([3_035_554])})


def told(digits: int, free: Flags = FREE) -> dict[str, float]:
    matrix = np.full((1, 5), 7.0, np.float32)
    code_plan.fill(np.array([digits]), free, 2, matrix)
    assert matrix[0, :2].tolist() == [7.0, 7.0]
    return dict(zip((feature.name for feature in NUMBER_FEATURES), matrix[0, 2:].tolist(), strict=True))


@pytest.mark.parametrize(
    ("digits", "premium", "personal", "unassigned"),
    [
        (1_202_555_0123, 0, 0, 0),
        (1_212_555_0123, 0, 0, 1),  # a code that nobody has
        (1_212_556_0123, 0, 0, 0),
        (1_303_555_4123, 0, 0, 1),  # a block that nobody has
        (1_303_555_5123, 0, 0, 0),
        (1_900_555_0123, 1, 0, 0),
        (1_212_976_0123, 1, 0, 0),
        (1_500_555_0123, 0, 1, 0),
        (1_700_555_0123, 0, 1, 0),
        (1_800_555_0123, 0, 0, 0),
        (0, 0, 0, -1),  # foreign, withheld or malformed
    ],
)
def test_what_a_number_is(digits: int, premium: float, personal: float, unassigned: float) -> None:
    assert told(digits) == {"call_premium": premium, "call_personal": personal, "call_unassigned": unassigned}


def test_without_a_list_nobody_knows_what_is_unassigned() -> None:
    assert told(1_212_555_0123, NO_LIST)["call_unassigned"] == -1


def test_each_block_is_free_or_not() -> None:
    assert FREE.sum() == 11
    assert FREE[2_125_550:2_125_560].all()
    assert FREE[3_035_554]


def test_what_is_unassigned_is_known_by_its_entries() -> None:
    """Not by the order of a file, and not by how it says the same: a code is its ten blocks."""
    blocks = unassigned_blocks({7: np.array([3_035_554, *range(2_125_550, 2_125_560)])})

    assert codes_id(FREE) == codes_id(blocks) != codes_id(unassigned_blocks({6: np.array([212_555])}))
    assert (len(codes_id(FREE)), codes_id(NO_LIST)) == (16, "")
