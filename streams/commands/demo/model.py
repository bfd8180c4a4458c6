"""The demo's model: the shipped one with a group weight, so that a campaign of many numbers is seen as one.

Of generated calls like the demo's it catches more at as many lawful calls hit (`python -m benchmarks.demo`).
"""

from pathlib import Path

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED
from models.serve.weighing import GROUP_WEIGHT, with_group_weight
from streams.settings import PREFIX, Settings

MODEL_VARIABLE = f"{PREFIX}MODEL_DIR"


def write_model(folder: Path, settings: Settings) -> Path:
    """Write the demo's model, unless a model, a registry or a key that signs models is set; blocks for half a second.

    Args:
        folder: Of the copy; made where it is missing.
        settings: Of the process.

    Returns:
        Folder of the model that decides as long as nothing is promoted: the copy, the one that is set, or the shipped.

    Raises:
        OSError: The folder cannot be written.
    """
    if settings.model_dir is not None:
        return settings.model_dir
    if settings.models_url is not None or settings.signing_key is not None:
        return SHIPPED
    with_group_weight(SHIPPED, folder, GROUP_WEIGHT, schema_id=FEATURE_SCHEMA_ID)
    return folder
