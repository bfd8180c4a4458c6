"""Errors of trained models, of the artifacts that hold them, and of the registry that keeps those."""

from detector.contract.errors import RobocallError


class ArtifactError(RobocallError):
    """A model artifact cannot be used; the model that is running stays."""


class ArtifactCorrupt(ArtifactError):  # noqa: N818 - the name states what is wrong
    """An artifact is incomplete, altered, or does not compute what it was recorded to compute."""


class ArtifactIncompatible(ArtifactError):  # noqa: N818
    """An artifact is sound, but made for another build: format or feature schema differ."""


class TrainingDataInvalid(RobocallError):  # noqa: N818
    """Features or labels do not allow what was asked."""


class RegistryUnreachable(RobocallError):  # noqa: N818
    """The registry cannot be read or written."""

    retriable = True

    def __init__(self, url: str, cause: BaseException) -> None:
        reason = f"{type(cause).__name__}: {cause}".splitlines()[0].rstrip(": ")
        super().__init__(f"the models at {url} cannot be reached ({reason}): see ROBOCALL_MODELS_URL and its rights")
        self.url = url


class ModelUnknown(RobocallError):  # noqa: N818
    """A name that is that of no model in the registry."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(f"no model {name!r} at {url}: `robocall models list` shows them")
        self.url = url


class PromotionRefused(RobocallError):  # noqa: N818
    """A model is not put in place: the gate says no, or there is nothing to go back to."""


class TolerancesInvalid(RobocallError):  # noqa: N818
    """A file of tolerances that the gate cannot use."""
