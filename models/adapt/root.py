"""Trees of the base that stay: what is learnt at a carrier is added to them.

Both are sums of log-odds, and so is their sum; what is known before any feature counts once. Trees of a carrier's few
labels alone see its campaigns, and forget what no label spoke of. The base's see that, and not the carrier's. Where
either is weak the other one holds, as `benchmarks.adapting.ladder` measures. What is learnt counts half: that keeps
nearly all that it adds where the base is weak, and takes less away where the base is strong.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sklearn import __version__ as sklearn_version
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

from models.errors import ArtifactIncompatible
from models.serve.artifact import Model, load_estimator
from models.serve.manifest import ESTIMATOR

SHARE = 0.5
"""Of what is learnt, in the sum with the base's trees. Half of it or all catches more at 13 of 15 carriers, and where
the base is better half of it costs half as much."""
TREES, VERSION = "root_trees", "root"
"""In an artifact's provenance: so many of its first trees stay when something else is learnt; and whose they are."""
TRAIN = "give another --base, or train it anew with this release"


@dataclass(frozen=True, slots=True, eq=False)
class Root:
    """The trees that stay.

    Attributes:
        predictors: Of scikit-learn, as a fitted `HistGradientBoostingClassifier` holds them.
        version: Of the model that they are.
    """

    predictors: Sequence[Any]
    version: str

    def grown(self, learnt: Any) -> Any:
        """The trees that stay and, at half of their values, those that were learnt, as one estimator.

        Args:
            learnt: Fitted `HistGradientBoostingClassifier` of the same columns; it is left as it is.
        """
        made = copy.copy(learnt)
        weighed = [[_weighed(tree) for tree in step] for step in learnt._predictors]  # noqa: SLF001 - as in forest.py
        made._predictors = [*self.predictors, *weighed]  # noqa: SLF001 - as in models/serve/forest.py
        return made

    @property
    def provenance(self) -> dict[str, Any]:
        """What an artifact that was grown says of it."""
        return {VERSION: self.version, TREES: len(self.predictors)}


def _weighed(tree: Any) -> Any:
    """A tree of scikit-learn whose leaves say `SHARE` of what they said."""
    made = copy.copy(tree)
    made.nodes = tree.nodes.copy()
    made.nodes["value"] *= SHARE
    return made


def root_of(folder: Path, model: Model) -> Root:
    """The trees of an artifact that stay: all, or those that stayed before. Blocks for the disk.

    So a model that was adapted and is adapted again gets other trees in place of the learnt ones, and does not grow.

    Args:
        folder: Of the artifact.
        model: That was loaded from it.

    Raises:
        ArtifactError: it cannot be used, has no estimator, or one of another scikit-learn.
    """
    if ESTIMATOR not in model.manifest["files"]:
        raise ArtifactIncompatible(f"{folder} has no {ESTIMATOR}, whose trees are to stay: {TRAIN}")
    (calibrated,) = load_estimator(folder).calibrated_classifiers_
    predictors = calibrated.estimator.estimator._predictors  # noqa: SLF001 - as in models/serve/forest.py
    if any(one.nodes.dtype != PREDICTOR_RECORD_DTYPE for one, *_ in predictors):
        raise ArtifactIncompatible(f"{folder / ESTIMATOR} is of another scikit-learn than {sklearn_version}: {TRAIN}")
    made_of = model.manifest.get("provenance", {})
    return Root(predictors[: made_of.get(TREES, len(predictors))], str(made_of.get(VERSION, model.version)))
