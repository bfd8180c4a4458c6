"""The table of operations: each is used, and says what it compares with. `test_feature_rows.py` tests what it reads."""

from detector.features.operations import COMPARISONS, OPERATIONS, PART_OF, WHOLES, pack_reference, reference_of
from detector.features.table import FEATURES
from detector.features.window_constants import MEASURES, TRUNK, W24H


def test_every_operation_is_used_and_said() -> None:
    """An operation that no feature has would be code that nothing tests."""
    assert {feature.instruction.operation for feature in FEATURES} == set(range(len(OPERATIONS)))
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert all(operation.formula for operation in OPERATIONS)


def test_every_measure_has_its_whole() -> None:
    """They go by position: a measure without its own would take that of the next."""
    assert len(WHOLES) == len(MEASURES)


def test_only_comparisons_look_at_another_key() -> None:
    packed = pack_reference(TRUNK, W24H)
    for feature in FEATURES:
        instruction = feature.instruction._replace(second=packed)
        expected = (TRUNK, W24H) if instruction.operation in COMPARISONS else (instruction.family, instruction.window)
        assert reference_of(instruction) == expected
    assert OPERATIONS[PART_OF].name == "part_of"
