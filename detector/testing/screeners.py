"""A screener in one line, and what it made of a batch as plain lists with one entry a call."""

from collections.abc import Mapping

from detector.columns.batch_columns import BatchColumns
from detector.columns.windows_port import Windows
from detector.contract.decisions import Mode, Outcome
from detector.contract.events import CallEvent
from detector.contract.ports import Classifier
from detector.policy.budgets import Budgets, EnforceUnmeasured
from detector.policy.lists import Lists
from detector.policy.screening import Screener, Screening
from detector.policy.settings import Policy
from detector.policy.standing import StandingDecisions
from detector.testing.classifiers import ScoreFromFeature
from detector.testing.events import batch_of
from detector.testing.windows import PreparedWindows

BY_ORDER = Budgets(enforce_unmeasured=EnforceUnmeasured("whoever tests", "the policy's own thresholds are tested"))
"""Of a policy whose thresholds enforce, although nothing was measured with the model of a test."""


def make_screener(
    policy: Policy,
    features: Mapping[str, Mapping[str, float]] | None = None,
    *,
    windows: Windows | None = None,
    classifier: Classifier | None = None,
    lists: Lists | None = None,
    standing: StandingDecisions | None = None,
) -> Screener[Windows]:
    """Join a screener of the policy under test and of stand-ins for whatever is not given.

    Args:
        policy: The policy.
        features: By call id: names and values of features, for `PreparedWindows`.
        windows: Real windows instead, for example `WindowEngine(small_windows())`.
        classifier: The model; else `ScoreFromFeature()`, which answers `number_asr_24h`.
        lists: Lists of the carrier; else empty ones.
        standing: Standing decisions; else none.

    Raises:
        FeatureSchemaMismatch: The classifier was trained on another feature table.
    """
    return Screener(
        PreparedWindows(features or {}) if windows is None else windows,
        ScoreFromFeature() if classifier is None else classifier,
        policy,
        Lists() if lists is None else lists,
        StandingDecisions() if standing is None else standing,
    )


def screen(screener: Screener[Windows], *events: CallEvent) -> Screening:
    """Screen events as one batch, in order of arrival. The windows of the screener count them.

    The first time in a process this compiles, or loads what was compiled, which may take half a minute.
    """
    return screener.screen(BatchColumns.of(batch_of(events)))


def outcome(screener: Screener[Windows], event: CallEvent) -> Outcome:
    """Screen one call alone, and say what was made of it."""
    return screen(screener, event).outcome(0)


def outcomes(screening: Screening) -> list[Outcome]:
    """What the policy made of each call."""
    return [screening.outcome(row) for row in range(len(screening.calls))]


def scores(screening: Screening) -> list[float | None]:
    """Score of each call; None where the model was not asked."""
    return [screening.score(row) for row in range(len(screening.calls))]


def modes(screening: Screening) -> list[Mode]:
    """Mode that each call was decided in."""
    return [screening.mode(row) for row in range(len(screening.calls))]


def ids(screening: Screening) -> list[str]:
    """Decision id of each call."""
    return [screening.calls.identifier(row) for row in range(len(screening.calls))]
