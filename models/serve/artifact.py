"""The model artifact: a folder that is verified before use and executes nothing when it is loaded.

`manifest.json` names every other file with its digest. `trees.npz` is what serves. `golden.npz` holds feature rows with
what scikit-learn computed for them, and loading checks that the compiled scorer computes the same. `reference.npz`,
where there is one, says how features and scores were distributed. `model_card.md` is for people, `estimator.skops` for
data scientists (`load_estimator`); serving opens neither. The digests guard against damage and mix-ups, the signature
of the manifest (`manifest.sig`, where there is a key) against somebody who can write to the folder.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.contract.ports import FeatureMatrix, Scored
from detector.features.schemas import computed_with, own_columns
from models.errors import ArtifactCorrupt, ArtifactIncompatible
from models.serve.card import headline, model_card
from models.serve.explain import contributions
from models.serve.forest import ARRAY_TYPES, Forest, check
from models.serve.manifest import (
    CARD,
    ESTIMATOR,
    FORMAT,
    GOLDEN,
    MANIFEST,
    REFERENCE,
    REPORT,
    SIGNATURE,
    TREES,
    file_entry,
    read_manifest,
    signature_of,
    verified,
)
from models.serve.reference import Reference
from models.serve.scorer import FEWEST_ROWS_FOR_MASKS, Calibration, TreeScorer
from models.serve.signing import UNSIGNED, Signing

SHIPPED = Path(__file__).parents[1] / "default"
"""The model that comes with the package."""

MAX_UNPACKED_BYTES = 64 * 1024 * 1024
TOLERANCE = 1e-12
TRUSTED_TYPES = (
    "scipy.interpolate._interpolate.interp1d",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
LIBRARIES = ("numpy", "scikit-learn", "skops")


class Model:
    """A loaded model. Satisfies `detector.contract.ports.Classifier`.

    Immutable, so threads may share it. It never blocks: all is in memory. Whoever puts it in place calls `warm` before,
    so that no call waits for compiled code.

    Attributes:
        manifest: of its artifact, not to be changed.
        reference: how features and scores of its test calls were distributed; None in artifacts of before.
    """

    def __init__(self, scorer: TreeScorer, manifest: dict[str, Any], reference: Reference | None = None) -> None:
        self._scorer = scorer
        self.manifest = manifest
        self.reference = reference

    @property
    def version(self) -> str:
        """Name of the artifact: digest of what it computes."""
        return str(self.manifest["version"])

    def version_with(self, group_weight: float) -> str:
        """Name of the artifact that has the same trees and this group weight."""
        return _version_of(self._scorer, self.schema_id, group_weight)

    @property
    def schema_id(self) -> str:
        """Id of the feature table that it was trained on."""
        return str(self.manifest["schema_id"])

    @property
    def thresholds(self) -> dict[str, float]:
        """`block_at` and `label_at`, calibrated probabilities found on calls between training and test."""
        return dict(self.manifest["thresholds"])

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Calibrated probability of a robocall per row, shape (n_calls,) float64, in [0, 1].

        Called for each batch of calls, about 0.3 us a call in batches of 512 and 3 us a call alone.

        Args:
            rows: shape (n_calls, n_features) float32, columns in the order of `manifest["feature_names"]`, no NaN; of a
                feature table that extends the model's its own columns are read.

        Raises:
            ValueError: rows of another shape or type, or with NaN.
        """
        return self._scorer.score(self._own(rows))

    @property
    def group_weight(self) -> float:
        """How much what the calls around a call scored adds to its margin; 0 in artifacts that do not say it."""
        return float(self.manifest.get("group_weight", 0.0))

    def scored(self, rows: FeatureMatrix) -> Scored:
        """Scores and the margins that they were made of, at the price of the scores; arguments as `score`.

        Raises:
            ValueError: rows of another shape or type, or with NaN.
        """
        margins = self.raw(rows)
        return Scored(self.calibrated(margins), margins)

    def raw(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Raw score per row in log-odds, before calibration, shape (n_calls,) float64; arguments as `score`.

        It ranks calls that share a calibrated probability. Called where models are judged.

        Raises:
            ValueError: rows of another shape or type, or with NaN.
        """
        return self._scorer.raw(self._own(rows))

    def _own(self, rows: FeatureMatrix) -> FeatureMatrix:
        count = self._scorer.forest.n_features
        return rows if rows.shape[-1] == count else own_columns(rows, count)  # a batch enters one room less

    def calibrated(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated probabilities of raw scores in log-odds, same shape."""
        return self._scorer.calibration.apply(margins)

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Additive contribution of each feature to the raw score in log-odds, shape (n_calls, n_features) float64.

        Called for the calls that are labelled or blocked, to give reasons; arguments as `score`.

        Raises:
            ValueError: rows of another shape or type.
        """
        return contributions(self._scorer.forest, self._own(rows))

    def warm(self) -> None:
        """Compile everything that a call may need, or load it from the cache; takes seconds the first time."""
        for n_rows in (1, FEWEST_ROWS_FOR_MASKS):
            rows = np.zeros((n_rows, self._scorer.forest.n_features), np.float32)
            self.score(rows)
            self.contributions(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What goes into an artifact.

    Attributes:
        schema_id: of the feature table that it was trained on.
        feature_names: names of its columns, in order.
        scorer: what serves.
        estimator: the scikit-learn estimator that the scorer was made of, calibrated.
        thresholds: `block_at` and `label_at`, calibrated probabilities.
        golden_rows: a few hundred feature rows of real use, shape (n, n_features) float32; loading scores them.
        report: of `models.judge.packaging.report`, plain values.
        provenance: plain values that say where the model came from: data digest, seed, parameters.
        plots: PNG files by name.
        created_ms: when it was packaged, epoch milliseconds.
        reference: of its test calls; without one nobody can tell drift.
        group_weight: how much what the calls around a call scored adds to its margin (`Model.group_weight`).
    """

    schema_id: str
    feature_names: tuple[str, ...]
    scorer: TreeScorer
    estimator: Any
    thresholds: dict[str, float]
    golden_rows: FeatureMatrix
    report: dict[str, Any]
    provenance: dict[str, Any]
    plots: dict[str, bytes]
    created_ms: int
    reference: Reference | None = None
    group_weight: float = 0.0


def save(contents: Contents, folder: Path) -> Model:
    """Write an artifact and load it again, so that nothing is shipped that does not load. Blocks for the disk.

    Called once a training. The manifest is written last: a folder without one is no artifact.

    Args:
        contents: what goes in.
        folder: made when it is missing; files of the same names are overwritten.

    Raises:
        ArtifactError: what was written cannot serve: the compiled scorer disagrees with the estimator, for one.
        OSError: the folder cannot be written.
    """
    from skops.io import dumps  # noqa: PLC0415 - only training needs it

    reference = contents.estimator.predict_proba(contents.golden_rows)[:, 1]
    files = {
        TREES: _pack(_arrays_of(contents.scorer)),
        GOLDEN: _pack({"rows": contents.golden_rows, "probability": reference}),
        ESTIMATOR: dumps(contents.estimator, compression=zipfile.ZIP_DEFLATED, compresslevel=9),
        REPORT: json.dumps(contents.report, indent=1, allow_nan=False).encode(),
        CARD: _card(contents).encode(),
        **contents.plots,
    }
    if contents.reference is not None:
        files[REFERENCE] = _pack(contents.reference.arrays())
    manifest = {
        "format": FORMAT,
        "version": _version_of(contents.scorer, contents.schema_id, contents.group_weight),
        "schema_id": contents.schema_id,
        "feature_names": list(contents.feature_names),
        "created_ms": contents.created_ms,
        "thresholds": contents.thresholds,
        "metrics": headline(contents.report),
        "provenance": contents.provenance,
        "libraries": {name: installed_version(name) for name in LIBRARIES},
        "files": {name: file_entry(content) for name, content in files.items()},
    }
    if contents.group_weight > 0:
        manifest["group_weight"] = contents.group_weight
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return load(folder, schema_id=contents.schema_id)


def _card(contents: Contents) -> str:
    return model_card(
        version=_version_of(contents.scorer, contents.schema_id, contents.group_weight),
        schema_id=contents.schema_id,
        created_ms=contents.created_ms,
        report=contents.report,
        facts={"Data and training": contents.provenance, "Thresholds": contents.thresholds},
    )


def load(folder: Path, *, schema_id: str, signing: Signing = UNSIGNED) -> Model:
    """Load and verify an artifact: digests, schema, trees, and that the scorer computes what was recorded.

    Blocks for the disk and for some tenths of a second of processor time: a worker calls it in a thread. Nothing in the
    folder is executed.

    Args:
        folder: of the artifact.
        schema_id: of a feature table that this build computes; one that it computes besides will do.
        signing: with a key, only what was signed is loaded; the shipped model is code of ours, and needs none.

    Raises:
        ArtifactCorrupt: a file is missing, unsigned, altered or too large, or the scorer disagrees with the recorded
            reference.
        ArtifactIncompatible: made for another format or for another feature table than this build's.
    """
    manifest = read_manifest(folder, UNSIGNED if folder.resolve() == SHIPPED.resolve() else signing)
    if manifest["schema_id"] not in computed_with(schema_id):
        raise ArtifactIncompatible(
            f"{folder} wants feature schema {manifest['schema_id']}, this build computes {schema_id}: train it again"
        )
    contents = {name: verified(folder, name, manifest) for name in manifest["files"]}
    scorer = _scorer_of(_unpack(contents[TREES], TREES), len(manifest["feature_names"]))
    if _version_of(scorer, manifest["schema_id"], manifest.get("group_weight", 0.0)) != manifest["version"]:
        raise ArtifactCorrupt(f"{folder}: trees or group weight are not those of version {manifest['version']}")
    _check_golden(scorer, _unpack(contents[GOLDEN], GOLDEN), folder)
    reference = None
    if REFERENCE in contents:
        reference = Reference.of_arrays(_unpack(contents[REFERENCE], REFERENCE), len(manifest["feature_names"]))
    return Model(scorer, manifest, reference)


def sign(folder: Path, signing: Signing) -> None:
    """Sign the artifact in a folder, whatever is in it; without a key nothing happens. Blocks for the disk.

    Raises:
        OSError: the folder cannot be written.
    """
    signature = signature_of((folder / MANIFEST).read_bytes(), signing)
    if signature is not None:
        (folder / SIGNATURE).write_bytes(signature)


def load_golden(folder: Path) -> FeatureMatrix:
    """The feature rows of real use that an artifact carries, shape (n, n_features); a few hundred.

    Raises:
        ArtifactError: the artifact cannot be used.
    """
    arrays = _unpack(verified(folder, GOLDEN, read_manifest(folder)), GOLDEN)
    if "rows" not in arrays:
        raise ArtifactCorrupt(f"{folder / GOLDEN} lacks rows")
    return arrays["rows"]


def read_card(folder: Path) -> str:
    """The model card, Markdown.

    Raises:
        ArtifactError: the artifact cannot be used, or was packaged without one.
    """
    manifest = read_manifest(folder)
    if CARD not in manifest["files"]:
        raise ArtifactIncompatible(f"{folder} was packaged without a model card: train it again")
    return verified(folder, CARD, manifest).decode("utf-8", "replace")


def load_estimator(folder: Path) -> Any:
    """Load the scikit-learn estimator, for notebooks; serving never calls it. Blocks for the disk.

    Raises:
        ArtifactError: the artifact cannot be used.
        skops.io.exceptions.UntrustedTypesFoundException: it holds types outside of `TRUSTED_TYPES`.
    """
    from skops.io import loads  # noqa: PLC0415 - serving never needs it

    return loads(verified(folder, ESTIMATOR, read_manifest(folder)), trusted=list(TRUSTED_TYPES))


def _pack(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _unpack(content: bytes, name: str) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked_bytes = sum(member.file_size for member in archive.infolist())
        arrays = None if unpacked_bytes > MAX_UNPACKED_BYTES else _read_arrays(content)
    except Exception as error:  # zipfile, zlib, the tokenizer of headers and numpy each raise what they like
        raise ArtifactCorrupt(f"{name} holds no arrays: {error}") from error
    if arrays is None:
        raise ArtifactCorrupt(f"{name} unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    return arrays


def _read_arrays(content: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def _arrays_of(scorer: TreeScorer) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {name: getattr(scorer.forest, name) for name in ARRAY_TYPES}
    arrays["baseline"] = np.array([scorer.forest.baseline])
    arrays[f"calibration_{scorer.calibration.kind}"] = np.stack([scorer.calibration.x, scorer.calibration.y])
    return arrays


def _scorer_of(arrays: dict[str, NDArray[Any]], n_features: int) -> TreeScorer:
    try:
        kind = "isotonic" if "calibration_isotonic" in arrays else "sigmoid"
        x, y = arrays[f"calibration_{kind}"].astype(np.float64)
        (baseline,) = arrays["baseline"].tolist()
        forest = Forest(n_features, float(baseline), *(arrays[name] for name in ARRAY_TYPES))
    except (KeyError, ValueError, TypeError) as error:
        raise ArtifactCorrupt(f"{TREES} lacks an array: {error}") from error
    calibration = Calibration("isotonic" if kind == "isotonic" else "sigmoid", x, y)
    check(forest)
    calibration.check()
    return TreeScorer(forest, calibration)


def _version_of(scorer: TreeScorer, schema_id: str, group_weight: float) -> str:
    digest = hashlib.sha256(schema_id.encode())
    for name, array in sorted(_arrays_of(scorer).items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    if group_weight > 0:  # thresholds that were measured with one weight are none with another
        digest.update(repr(float(group_weight)).encode())
    return f"gbt-{digest.hexdigest()[:12]}"


def _check_golden(scorer: TreeScorer, golden: dict[str, NDArray[Any]], folder: Path) -> None:
    """Both ways of scoring must give what scikit-learn gave."""
    rows, reference = golden.get("rows"), golden.get("probability")
    if rows is None or reference is None or len(rows) < FEWEST_ROWS_FOR_MASKS or reference.shape != rows.shape[:1]:
        raise ArtifactCorrupt(f"{folder / GOLDEN} lacks rows or their probabilities")
    try:
        few = FEWEST_ROWS_FOR_MASKS - 1
        worst = max(
            float(np.max(np.abs(scorer.score(rows) - reference))),
            float(np.max(np.abs(scorer.score(rows[:few]) - reference[:few]))),
        )
    except ValueError as error:
        raise ArtifactCorrupt(f"{folder / GOLDEN} does not fit the model: {error}") from error
    if not worst <= TOLERANCE:
        raise ArtifactCorrupt(f"{folder}: the compiled scorer is off its reference by {worst:g}, allowed {TOLERANCE:g}")
