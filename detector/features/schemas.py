"""The feature tables of this build: f2; f3, with features of days behind it; f4, with those of signatures and numbers.

A model is bound to one of them by the id of its schema. The windows fill the columns of f2 whatever the model; those
of days and signatures only where the running model wants them (`Windows.use`), or the settings. So rows may have more
columns than a model reads, and it reads the first ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.contract.ports import FeatureMatrix
from detector.features.day_features import DAY_FEATURES
from detector.features.kinds import Feature
from detector.features.number_features import NUMBER_FEATURES
from detector.features.signature_features import SIGNATURE_FEATURES
from detector.features.table import FEATURES, schema_id_of


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """One feature table.

    Attributes:
        name: For people.
        schema_id: Digest of the table, that models name.
        names: Of its features, in the order of the columns.
        days: Family and figure of each feature of days, which stand behind those of f2, shape (m, 2) int64.
        has_signatures: Whether features of signatures and of numbers stand behind those.
    """

    name: str
    schema_id: str
    names: tuple[str, ...]
    days: NDArray[np.int64]
    has_signatures: bool = False


def _schema(name: str, of_days: tuple[Feature, ...], others: tuple[Feature, ...]) -> Schema:
    features = (*FEATURES, *of_days, *others)
    wanted = np.array([feature.instruction[1:3] for feature in of_days], np.int64).reshape(-1, 2)
    names = tuple(feature.name for feature in features)
    return Schema(name, schema_id_of(name, features), names, wanted, len(others) > 0)


F2 = _schema("f2", (), ())
F3 = _schema("f3", DAY_FEATURES, ())
F4 = _schema("f4", DAY_FEATURES, (*SIGNATURE_FEATURES, *NUMBER_FEATURES))
FIRST_OF_SIGNATURES = len(F3.names)
FIRST_OF_NUMBERS = FIRST_OF_SIGNATURES + len(SIGNATURE_FEATURES)
"""Columns where these begin."""
WIDEST = F4
"""It begins with all others."""
SCHEMAS = {schema.schema_id: schema for schema in (F2, F3, F4)}
"""By schema id."""
_BY_WIDTH = {len(schema.names): schema for schema in SCHEMAS.values()}


def computed_with(schema_id: str) -> tuple[str, ...]:
    """Ids of the tables that a build computes which computes that one: all of this build, or that one alone."""
    return tuple(SCHEMAS) if schema_id in SCHEMAS else (schema_id,)


def schema_of(names: Sequence[str]) -> Schema | None:
    """The table that has these features in this order, None where there is none."""
    found = _BY_WIDTH.get(len(names))
    return found if found is not None and found.names == tuple(names) else None


def wider(one: str, other: str) -> str:
    """Of the ids of two tables that of the one with more features."""
    return max(one, other, key=lambda schema_id: len(SCHEMAS[schema_id].names) if schema_id in SCHEMAS else 0)


def own_columns(rows: FeatureMatrix, count: int) -> FeatureMatrix:
    """The first `count` columns of rows of a table that extends one of so many; any other rows as they are."""
    if count < rows.shape[-1] and {count, rows.shape[-1]} <= _BY_WIDTH.keys():
        return np.ascontiguousarray(rows[:, :count])
    return rows
