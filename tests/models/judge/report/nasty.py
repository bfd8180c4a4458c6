"""Labelled calls whose kinds are markup."""

from models.data.dataset import Dataset

NASTY = '<script src="https://evil.example/x.js">&"\''
"""A kind of call as an analyst's label file might have it."""


def nasty(data: Dataset) -> Dataset:
    """The same calls, the kinds renamed to markup."""
    return Dataset(
        data.feature_names,
        data.rows,
        data.setup_time_ms,
        data.number,
        data.is_robocall,
        data.campaign,
        data.position,
        data.kind,
        tuple(f"{NASTY}{kind}$" for kind in data.kinds),
        data.weight,
        data.source,
        data.sources,
    )
