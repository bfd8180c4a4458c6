"""Errors of trained models, of the artifacts that hold them, and of the places where files are kept."""

from detector.contract.errors import RobocallError


class ArtifactError(RobocallError):
    """A model artifact cannot be used; the model that is running stays."""


class ArtifactCorrupt(ArtifactError):
    """An artifact is incomplete, altered, or does not compute what it was recorded to compute."""


class ArtifactIncompatible(ArtifactError):
    """An artifact is sound, but made for another build: format or feature schema differ."""


class TrainingDataInvalid(RobocallError):
    """Features or labels do not allow what was asked."""


class StorageError(RobocallError):
    """A folder or an object store does not answer, refuses, or does not exist. The message says what to do."""

    retriable = True


class StoredFileUnusable(RobocallError):
    """A file is not in the storage, is larger than its reader allows, or has a path that leads out."""


class ModelUnknown(RobocallError):
    """A name that is that of no model in the registry."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(f"no model {name!r} at {url}: `robocall models list` shows them")
        self.url = url


class PromotionRefused(RobocallError):
    """A model is not put in place: the gate says no, or there is nothing to go back to."""


class TolerancesInvalid(RobocallError):
    """A file of tolerances that the gate cannot use."""


class MeasureRefused(RobocallError):
    """Nothing can be measured, or a measure must not take the place of the last one; the message says why."""
