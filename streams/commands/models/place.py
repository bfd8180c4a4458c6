"""Which registry a `robocall models` command works on, which model runs there, and the options that say so."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Column

from detector.features.table import FEATURE_SCHEMA_ID
from models.serve.artifact import SHIPPED, Model, load
from models.serve.manifest import MANIFEST
from models.store.promotions import Promotions
from models.store.registry import Registry
from streams.commands.shared.labelled import FEATURES_HELP, LABELS_HELP
from streams.settings import load_settings

RUNNING = "running"
MODEL_MEANS = (
    "an artifact's folder, version (gbt-...) or name in the registry, or `running`: what was promoted last, else "
    "ROBOCALL_MODEL_DIR, else the shipped model"
)
VERSION_WIDTH = len("gbt-0123456789ab")
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")
REGISTRY_OPTION = click.option(
    "--registry",
    "url",
    envvar="ROBOCALL_MODELS_URL",
    help="Folder or URL (`s3://bucket/path`) of the models [default: ROBOCALL_MODELS_URL, else the folder of the "
    "configured model].",
)
FEATURES_OPTION = click.option("--features", type=FILE, help=FEATURES_HELP)
LABELS_OPTION = click.option("--labels", type=FILE, help=LABELS_HELP)


def model_option(flag: str, parameter: str, use: str) -> Callable[[Any], Any]:
    """The option that names a model; it means the same in each command.

    Args:
        flag: of the option.
        parameter: name that the command has for it.
        use: what the command wants it for, "Model to judge".
    """
    return click.option(flag, parameter, metavar="MODEL", help=f"{use}: {MODEL_MEANS} [default: running].")


def meant(name: str | None) -> Path | str | None:
    """What somebody means by MODEL: a folder, a name in the registry, or with None the model that workers run.

    Args:
        name: as it was typed. With a slash it is a folder, so that one called `running` is typed `./running`.
    """
    if name is None or name == RUNNING:
        return None
    return Path(name) if "/" in name or (Path(name) / MANIFEST).is_file() else name


def whole(heading: str) -> Column:
    """A column of versions, which are no use when they are cut off."""
    return Column(heading, no_wrap=True, min_width=VERSION_WIDTH)


@dataclass(frozen=True, slots=True)
class Place:
    """The registry that a command works on, and the model that runs where nothing was promoted yet.

    Attributes:
        registry: Whose methods block for the place.
        configured: Folder of the configured model, or of the shipped one.
        is_own: Whether somebody said where the models are: else it is the folder of the installed package.
    """

    registry: Registry
    configured: Path
    is_own: bool

    @property
    def promotions(self) -> Promotions:
        """Its history; nothing is read yet."""
        return Promotions(self.registry.store, self.registry.signing)

    @property
    def running(self) -> str:
        """Version that workers run when they follow the history. It blocks for the registry, or for loading a model.

        Raises:
            StorageError: the registry does not answer or refuses.
            ArtifactError: an entry of the history cannot be read, or the configured model cannot be used.
        """
        return (
            self.promotions.active()
            or load(self.configured, schema_id=FEATURE_SCHEMA_ID, signing=self.registry.signing).version
        )

    def require_own(self, or_else: str = "") -> None:
        """Refuse to write to the folder of the installed package.

        Args:
            or_else: What else a command takes, in the words of the error.

        Raises:
            UsageError: no registry is configured.
        """
        if not self.is_own:
            raise click.UsageError(
                f"say where your models are: set ROBOCALL_MODELS_URL or give --registry FOLDER{or_else}"
            )


def place_of(url: str | None) -> Place:
    """The registry at a URL; without one, the folder that the configured model stands in. Nothing is connected to yet.

    Raises:
        SettingsInvalid: a setting is out of its bounds.
        StorageError: the kind of URL is unknown, or needs a library that is not installed.
    """
    settings = load_settings()
    configured = settings.model_dir
    folder = (configured or SHIPPED).absolute()
    return Place(Registry(url or folder.parent, settings.signing), folder, url is not None or configured is not None)


def own_place(url: str | None, or_else: str = "") -> Place:
    """As `place_of`, to write to: never the folder of the installed package.

    Args:
        url: Of the registry.
        or_else: As of `Place.require_own`.

    Raises:
        UsageError: no registry is configured.
        SettingsInvalid: a setting is out of its bounds.
        StorageError: the kind of URL is unknown, or needs a library that is not installed.
    """
    place = place_of(url)
    place.require_own(or_else)
    return place


def in_registry(place: Place, name: str) -> Model:
    """Load the artifact that is meant from the registry; a folder from elsewhere is added to it first, and that said.

    It blocks for the registry.

    Raises:
        UsageError: it is to be added, and no registry is configured.
        ModelUnknown: a name that means none.
        ArtifactError: it cannot serve.
        StorageError: the registry does not answer or refuses.
    """
    what = meant(name)
    if not isinstance(what, Path):
        return place.registry.load(what or place.running, schema_id=FEATURE_SCHEMA_ID)
    place.require_own()
    model, is_new = place.registry.add(what, schema_id=FEATURE_SCHEMA_ID)
    if is_new:
        click.echo(f"{model.version} added to {place.registry.url}", err=True)
    return model


@contextmanager
def artifact_folder(place: Place, name: str | None) -> Iterator[Path]:
    """Folder of the artifact that is meant (`meant`); not verified.

    It blocks for the registry, and for a copy where that is elsewhere, which goes with the block.

    Raises:
        ModelUnknown: a name that means none.
        ArtifactError: it cannot be fetched whole, or an entry of the history cannot be read.
        StorageError: the registry does not answer or refuses.
    """
    what = meant(name)
    if isinstance(what, Path):
        yield what
    elif what is None and place.promotions.active() is None:
        yield place.configured
    else:
        with place.registry.open(what or place.running) as folder:
            yield folder
