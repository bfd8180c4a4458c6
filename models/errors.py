"""Errors of trained models and of the artifacts that hold them."""

from detector.errors import RobocallError


class ArtifactError(RobocallError):
    """A model artifact cannot be used; the model that is running stays."""


class ArtifactCorrupt(ArtifactError):  # noqa: N818 - the name states what is wrong
    """An artifact is incomplete, altered, or does not compute what it was recorded to compute."""


class ArtifactIncompatible(ArtifactError):  # noqa: N818
    """An artifact is sound, but made for another build: format or feature schema differ."""


class TrainingDataInvalid(RobocallError):  # noqa: N818
    """Features or labels do not allow what was asked."""
