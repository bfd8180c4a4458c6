"""Two feature tables of one build: the wider one begins with the other."""

import json

import numpy as np
import pytest

from detector.features.day_features import DAY_FEATURES
from detector.features.number_features import NUMBER_FEATURES
from detector.features.schemas import F2, F3, F4, SCHEMAS, WIDEST, computed_with, own_columns, schema_of, wider
from detector.features.signature_features import SIGNATURE_FEATURES
from detector.features.table import FEATURE_NAMES, FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED


def test_the_table_of_the_shipped_model_stays_what_it_was() -> None:
    """Every decision names its id, and the model is bound to it."""
    shipped = json.loads((SHIPPED / "manifest.json").read_text(encoding="utf-8"))

    assert F2.schema_id == FEATURE_SCHEMA_ID == shipped["schema_id"]
    assert F2.names == FEATURE_NAMES == tuple(shipped["feature_names"])


def test_a_wider_table_begins_with_the_others() -> None:
    """So whoever reads the first columns needs not know which one it has."""
    assert F3.names[: len(F2.names)] == F2.names
    assert F3.schema_id.startswith("f3-")
    assert len(F3.days) == len(DAY_FEATURES) == len(F3.names) - len(F2.names)
    assert F4.names[: len(F3.names)] == F3.names
    assert F4.has_signatures
    assert len(SIGNATURE_FEATURES) + len(NUMBER_FEATURES) == len(F4.names) - len(F3.names)
    assert WIDEST is max(SCHEMAS.values(), key=lambda schema: len(schema.names))


def test_a_model_of_either_table_is_served_and_no_other() -> None:
    assert set(computed_with(F2.schema_id)) == set(computed_with(F3.schema_id)) == set(SCHEMAS)
    assert computed_with("f1-other") == ("f1-other",)


def test_a_table_is_known_by_its_features() -> None:
    assert schema_of(list(F3.names)) is F3
    assert schema_of(F4.names) is F4
    assert schema_of(F2.names[::-1]) is None
    assert schema_of(()) is None


@pytest.mark.parametrize(
    ("one", "other"), [(F2.schema_id, F3.schema_id), (F3.schema_id, F4.schema_id), ("f0", F2.schema_id)]
)
def test_of_two_tables_the_wider_one_serves_both(one: str, other: str) -> None:
    assert wider(one, other) == wider(other, one) == other


def test_a_model_reads_its_own_columns_of_a_wider_table() -> None:
    rows = np.arange(2 * len(F3.names), dtype=np.float32).reshape(2, -1)

    own = own_columns(rows, len(F2.names))

    np.testing.assert_array_equal(own, rows[:, : len(F2.names)])
    assert own.flags.c_contiguous
    assert own_columns(rows, len(F3.names)) is rows


def test_rows_of_no_table_stay_as_they_are_and_are_refused_by_who_gets_them() -> None:
    rows = np.zeros((2, len(F2.names) + 1), np.float32)

    assert own_columns(rows, len(F2.names)) is rows
    assert own_columns(rows, 7) is rows
