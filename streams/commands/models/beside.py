"""The measure beside a model: where it lies, for the command that writes it and for everybody who says what it says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from detector.policy.budgets import InForce, in_force
from models.budgets.measure import FILE, MAX_BYTES, Measure, decode, encode, file_name, measured_elsewhere
from models.errors import ArtifactError
from models.serve.manifest import read_manifest
from models.store.registry import Registry
from streams.commands.models.place import Place, artifact_folder, meant
from streams.screening.build import policy_of
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Beside:
    """The place beside one artifact, for one number of partitions. Every method blocks for the disk or the network.

    Attributes:
        registry: That the artifact is in, or the folder that its folder stands in.
        name: Of the artifact there.
        folder: The artifact on this machine.
        partitions: Number of partitions that windows are counted in.
    """

    registry: Registry
    name: str
    folder: Path
    partitions: int

    @property
    def url(self) -> str:
        """Where the measure is, or would be."""
        return f"{self.registry.url}/{self.name}/{file_name(self.partitions)}"

    @property
    def version(self) -> str:
        """Version of the model.

        Raises:
            ArtifactError: the artifact cannot be used.
        """
        return str(read_manifest(self.folder)["version"])

    def read(self) -> Measure | None:
        """The measure; None where there is none.

        Raises:
            ArtifactError: there is one that cannot be used.
            StorageError: the place does not answer or refuses.
        """
        content = self.registry.read_beside(self.name, file_name(self.partitions), limit_bytes=MAX_BYTES)
        if content is None:
            return None
        return decode(content, self.url, partitions=self.partitions, signing=self.registry.signing)

    def write(self, measure: Measure) -> None:
        """Put a measure in the place of the last one, signed where there is a key.

        Raises:
            StorageError: the place does not answer or refuses.
        """
        self.registry.write_beside(self.name, file_name(self.partitions), encode(measure, self.registry.signing))

    def whole(self) -> Path:
        """Folder of the artifact with the measure in it, also where both were fetched from elsewhere.

        Without that measure those for other numbers of partitions are in it, so that it can be said that there are.

        Raises:
            ArtifactError: there is a measure that is too large.
            StorageError: the place does not answer or refuses.
        """
        if self.registry.store.folder is None and not self._fetched(file_name(self.partitions)):
            for name in filter(FILE.fullmatch, self.registry.files(self.name)):
                self._fetched(name)
        return self.folder

    def _fetched(self, name: str) -> bool:
        """Copy a measure into the folder, if there is one of this name."""
        content = self.registry.read_beside(self.name, name, limit_bytes=MAX_BYTES)
        if content is not None:
            (self.folder / name).write_bytes(content)
        return content is not None

    def in_force(self, settings: Settings) -> InForce:
        """What the model's step of a worker with these settings goes by.

        Raises:
            PolicyInvalid: the policy file is wrong.
            StorageError: the place does not answer or refuses.
        """
        budgets, version = policy_of(settings).budgets, self.version
        measured, complaint = None, ""
        try:
            measure = self.read()
            if measure is None:
                signing = self.registry.signing
                complaint = measured_elsewhere(self.whole(), version, partitions=self.partitions, signing=signing)
            else:
                measured = measure.measured()
        except ArtifactError as error:
            complaint = str(error)
        return in_force(budgets, measured, model_version=version, complaint=complaint)


@contextmanager
def beside(place: Place, name: str | None, partitions: int) -> Iterator[Beside]:
    """Find the place beside the artifact that is meant (`streams.commands.models.place.meant`).

    Raises:
        ModelUnknown: a name that means none.
        ArtifactError: the artifact cannot be fetched whole.
        StorageError: the registry does not answer or refuses.
    """
    what = meant(name)
    with artifact_folder(place, name) as folder:
        if isinstance(what, str) or (what is None and place.promotions.active() is not None):
            yield Beside(place.registry, what or place.running, folder, partitions)
        else:
            own = folder.absolute()
            yield Beside(Registry(own.parent, place.registry.signing), own.name, own, partitions)
