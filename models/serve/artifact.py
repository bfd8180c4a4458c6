"""The model artifact: a folder that is verified before use and executes nothing when it is loaded.

`manifest.json` names every other file with its digest. `trees.npz` is what serves. `golden.npz` holds feature rows with
what scikit-learn computed for them, and loading checks that the compiled scorer computes the same. `reference.npz`,
where there is one, says how features and scores were distributed. `model_card.md` is for people, `estimator.skops` for
data scientists (`load_estimator`); serving opens neither. The digests guard against damage and mix-ups, not against
somebody who can write to the folder.
"""

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.contract.ports import FeatureMatrix
from models.errors import ArtifactCorrupt, ArtifactIncompatible
from models.serve.card import model_card
from models.serve.explain import contributions
from models.serve.forest import ARRAY_TYPES, Forest, check
from models.serve.reference import Reference
from models.serve.scorer import FEWEST_ROWS_FOR_MASKS, Calibration, TreeScorer

SHIPPED = Path(__file__).parents[1] / "default"
"""The model that comes with the package."""

FORMAT = 1
MANIFEST = "manifest.json"
TREES = "trees.npz"
GOLDEN = "golden.npz"
ESTIMATOR = "estimator.skops"
REFERENCE = "reference.npz"
REPORT = "report.json"
CARD = "model_card.md"
NEEDED = (TREES, GOLDEN, ESTIMATOR, REPORT)
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
TOLERANCE = 1e-12
VERSION = re.compile(r"gbt-[0-9a-f]{12}")
TRUSTED_TYPES = (
    "scipy.interpolate._interpolate.interp1d",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
LIBRARIES = ("numpy", "scikit-learn", "skops")


class Model:
    """A loaded model. Satisfies `detector.contract.ports.Classifier`; immutable."""

    def __init__(self, scorer: TreeScorer, manifest: dict[str, Any], reference: Reference | None = None) -> None:
        self._scorer = scorer
        self.manifest = manifest
        self.reference = reference

    @property
    def version(self) -> str:
        """Name of the artifact: digest of what it computes."""
        return str(self.manifest["version"])

    @property
    def schema_id(self) -> str:
        """Id of the feature table that it was trained on."""
        return str(self.manifest["schema_id"])

    @property
    def thresholds(self) -> dict[str, float]:
        """`block_at` and `label_at`, calibrated probabilities found on calls between training and test."""
        return dict(self.manifest["thresholds"])

    def score(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Calibrated probability of a robocall per row, shape (n_calls,), in [0, 1]."""
        return self._scorer.score(rows)

    def raw(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Raw score per row in log-odds, before calibration: ranks calls that share a calibrated probability."""
        return self._scorer.raw(rows)

    def contributions(self, rows: FeatureMatrix) -> NDArray[np.float64]:
        """Additive contribution of each feature to the raw score in log-odds, shape (n_calls, n_features)."""
        return contributions(self._scorer.forest, rows)

    def warm(self) -> None:
        """Compile everything that a call may need, so that no call waits for it."""
        for n_rows in (1, FEWEST_ROWS_FOR_MASKS):
            rows = np.zeros((n_rows, self._scorer.forest.n_features), np.float32)
            self.score(rows)
            self.contributions(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What goes into an artifact.

    `provenance` is any JSON that says where the model came from: data digest, seed, parameters. `golden_rows` are a few
    hundred feature rows of real use. `plots` are PNG files by name. Without a `reference` nobody can tell drift.
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


def save(contents: Contents, folder: Path) -> Model:
    """Write an artifact to `folder` and load it again, so that nothing is shipped that does not load."""
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
        "version": _version_of(contents.scorer, contents.schema_id),
        "schema_id": contents.schema_id,
        "feature_names": list(contents.feature_names),
        "created_ms": contents.created_ms,
        "thresholds": contents.thresholds,
        "metrics": headline(contents.report),
        "provenance": contents.provenance,
        "libraries": {name: installed_version(name) for name in LIBRARIES},
        "files": {name: _entry(content) for name, content in files.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    # Last: a folder without a manifest is no artifact, so a reader never meets half of one.
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return load(folder, schema_id=contents.schema_id)


def _card(contents: Contents) -> str:
    return model_card(
        version=_version_of(contents.scorer, contents.schema_id),
        schema_id=contents.schema_id,
        created_ms=contents.created_ms,
        report=contents.report,
        facts={"Data and training": contents.provenance, "Thresholds": contents.thresholds},
    )


def headline(report: dict[str, Any]) -> dict[str, Any]:
    """The figures of a report that a person compares models by."""
    names = ("calls", "robocalls", "pr_auc", "brier", "expected_calibration_error")
    found = {name: report[name] for name in names if name in report}
    for entry in report.get("at_false_block_rates", []):
        found[f"recall_at_{entry['rate']:g}"] = entry["recall"]["share"]
    return found


def load(folder: Path, *, schema_id: str) -> Model:
    """Load and verify an artifact.

    Raises:
        ArtifactCorrupt: a file is missing, altered or too large, or the scorer disagrees with the recorded reference.
        ArtifactIncompatible: made for another format or for another feature table than `schema_id`.
    """
    manifest = read_manifest(folder)
    if manifest["schema_id"] != schema_id:
        raise ArtifactIncompatible(
            f"{folder} wants feature schema {manifest['schema_id']}, this build computes {schema_id}: train it again"
        )
    contents = {name: _verified(folder, name, manifest) for name in manifest["files"]}
    scorer = _scorer_of(_unpack(contents[TREES], TREES), len(manifest["feature_names"]))
    if _version_of(scorer, schema_id) != manifest["version"]:
        raise ArtifactCorrupt(f"{folder}: the trees are not those of version {manifest['version']}")
    _check_golden(scorer, _unpack(contents[GOLDEN], GOLDEN), folder)
    reference = None
    if REFERENCE in contents:
        reference = Reference.of_arrays(_unpack(contents[REFERENCE], REFERENCE), len(manifest["feature_names"]))
    return Model(scorer, manifest, reference)


def load_golden(folder: Path) -> FeatureMatrix:
    """The feature rows of real use that an artifact carries, shape (n, n_features); a few hundred.

    Raises:
        ArtifactError: the artifact cannot be used.
    """
    arrays = _unpack(_verified(folder, GOLDEN, read_manifest(folder)), GOLDEN)
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
    return _verified(folder, CARD, manifest).decode("utf-8", "replace")


def load_estimator(folder: Path) -> Any:
    """The scikit-learn estimator, for notebooks. Types outside of `TRUSTED_TYPES` are refused."""
    from skops.io import loads  # noqa: PLC0415 - serving never needs it

    return loads(_verified(folder, ESTIMATOR, read_manifest(folder)), trusted=list(TRUSTED_TYPES))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest, checked for what loading relies on."""
    if not (folder / MANIFEST).exists():
        raise ArtifactCorrupt(f"{folder} is no model: `robocall train --out FOLDER` makes one")
    return parse_manifest(_bounded(folder / MANIFEST), str(folder / MANIFEST))


def parse_manifest(content: bytes, place: str) -> dict[str, Any]:
    """As `read_manifest`, of bytes from `place`."""
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ArtifactCorrupt(f"{place} is no JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise ArtifactCorrupt(f"{place} is no JSON object")
    if manifest.get("format") != FORMAT:
        raise ArtifactIncompatible(f"{place} has artifact format {manifest.get('format')}, this build reads {FORMAT}")
    expected = {"version": str, "schema_id": str, "feature_names": list, "thresholds": dict, "files": dict}
    wrong = [name for name, kind in expected.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise ArtifactCorrupt(f"{place} lacks {', '.join(wrong)}")
    absent = [name for name in NEEDED if name not in manifest["files"]]
    if absent or any(Path(name).name != name for name in manifest["files"]):
        raise ArtifactCorrupt(f"{place} lists the wrong files")
    return manifest


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ArtifactCorrupt(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ArtifactCorrupt(f"{path} is larger than {MAX_FILE_BYTES} bytes")
    return content


def _entry(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _verified(folder: Path, name: str, manifest: dict[str, Any]) -> bytes:
    content = _bounded(folder / name)
    if _entry(content) != manifest["files"][name]:
        raise ArtifactCorrupt(f"{folder / name} is not the file that the manifest lists: copy the artifact again")
    return content


def _pack(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def _unpack(content: bytes, name: str) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_UNPACKED_BYTES:
            raise ArtifactCorrupt(f"{name} unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ArtifactCorrupt(f"{name} holds no arrays: {error}") from error


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


def _version_of(scorer: TreeScorer, schema_id: str) -> str:
    digest = hashlib.sha256(schema_id.encode())
    for name, array in sorted(_arrays_of(scorer).items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
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
