"""Errors of the domain. Each says whether a repeat can help (`retriable`)."""


class RobocallError(Exception):
    """Root of every error that this product raises on purpose."""

    retriable: bool = False


class FeatureSchemaMismatch(RobocallError):
    """A classifier was trained on another feature table than the one that serves it."""

    def __init__(self, *, expected: str, found: str) -> None:
        super().__init__(f"the model wants feature schema {found}, this build computes {expected}: retrain the model")
        self.expected = expected
        self.found = found


class PolicyInvalid(RobocallError):
    """A policy file does not say what it must, or says what it must not."""


class SettingInvalid(PolicyInvalid, ValueError):
    """One setting that breaks a rule; a `ValueError` too, so that a reader of files can add where it stands."""
