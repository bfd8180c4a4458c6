"""Base models that never learnt from an author."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.adapting.untold import LEARNT, kept_without, make
from detector.features.table import FEATURE_SCHEMA_ID
from models.learn.many_worlds import TURNS, from_worlds, slots_of, whose
from models.serve.artifact import load

WORLDS, CALLS = 6, 400


def test_worlds_of_the_author_are_left_out_and_those_that_judge_stay() -> None:
    slots = np.arange(25)

    for author in LEARNT:
        kept = kept_without(author, slots, 20)

        assert [slot for slot in slots[:20].tolist() if not kept[slot]] == [
            slot for slot, wrote in enumerate(whose(20)) if (wrote or "first") == author
        ]
        assert kept[20:].all()
    assert set(TURNS) == {"", *LEARNT[1:]}


@pytest.mark.slow
def test_a_model_is_made_from_the_worlds_of_the_others(tmp_path: Path) -> None:
    data = from_worlds(WORLDS, 1, lambda _: None, calls=CALLS)

    version = make("second", data, WORLDS, 1, tmp_path)

    model = load(tmp_path, schema_id=FEATURE_SCHEMA_ID)
    assert model.version == version
    assert model.manifest["provenance"]["without_author"] == "second"
    assert model.manifest["provenance"]["calls"] == np.sum(slots_of(data) != 1)
    assert whose(WORLDS)[1] == "second"
