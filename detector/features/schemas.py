"""The feature tables that this build computes: f2, and f3, which has the features of days behind the same columns.

A model is bound to one of them by the id of its schema. The windows fill the columns of f2 whatever the model; those
of days only where the running model wants them (`Windows.use`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detector.features.day_features import DAY_FEATURES
from detector.features.kinds import Feature
from detector.features.table import FEATURES, schema_id_of


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """One feature table.

    Attributes:
        name: For people.
        schema_id: Digest of the table, that models name.
        names: Of its features, in the order of the columns.
        days: Family and figure of each feature of days, which are the last ones, shape (m, 2) int64.
    """

    name: str
    schema_id: str
    names: tuple[str, ...]
    days: NDArray[np.int64]


def _schema(name: str, features: tuple[Feature, ...], of_days: tuple[Feature, ...]) -> Schema:
    wanted = [feature.instruction[1:3] for feature in of_days]
    names = tuple(feature.name for feature in (*features, *of_days))
    return Schema(name, schema_id_of(name, (*features, *of_days)), names, np.array(wanted, np.int64).reshape(-1, 2))


F2 = _schema("f2", FEATURES, ())
F3 = _schema("f3", FEATURES, DAY_FEATURES)
SCHEMAS = {schema.schema_id: schema for schema in (F2, F3)}
"""By schema id."""
