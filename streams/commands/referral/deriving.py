"""The decisions of a package once more: the archive's events through the worker's own code."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from detector.features.window_constants import DAY_MS, HOUR_MS
from streams.archive.export import Span, events, parts_of
from streams.archive.settings import ArchiveSettings
from streams.commands.models.beside import beside
from streams.commands.models.place import place_of
from streams.commands.replay import loaded, replayed, require_judged
from streams.commands.shared.opened_archive import opened
from streams.referral.collecting import DECISIONS
from streams.referral.deriving import Decided, Difference, decisions_of, differences, wanted
from streams.referral.package import Package, PackageRefused
from streams.running.progress import step
from streams.settings import load_settings

HISTORY_H = 24
MOST_SPAN_DAYS = 92
"""From the first to the last call. A manifest may say anything, and the archive may have years."""
_BATCH = 1_024


@dataclass(frozen=True, slots=True)
class Derived:
    """What came of deriving the decisions of a package.

    Attributes:
        decisions: How many it has.
        differences: Those that do not follow.
        versions_differ: What decided then and now, where these are not the same, in sentences.
    """

    decisions: int
    differences: list[Difference]
    versions_differ: tuple[str, ...]

    @property
    def on_lists(self) -> int:
        """How many of the differences may rest on a list or a standing decision of then."""
        return sum(one.rests_on_a_list for one in self.differences)


def derived(
    package: Package,
    history_h: int,
    partitions: int | None,
    policy: Path | None,
    name: str | None,
    url: str | None,
    console: Console,
) -> Derived:
    """Replay the archive around the calls of a package, and compare.

    Args:
        package: Whole.
        history_h: Hours of events before the first call.
        partitions: Of the topic; None: as configured.
        policy: File of the policy; None: as configured.
        name: Model; None: the running one.
        url: Registry; None: as configured.
        console: Where it is said how far it is.

    Raises:
        PackageRefused: it has no decisions, or spans more than `MOST_SPAN_DAYS`.
        RobocallError: archive, model or policy cannot be used, or a call could not be judged.
    """
    said = decisions_of(package.files.get(DECISIONS, b""))
    if not said:
        raise PackageRefused("the package has no decisions to derive")
    if not 0 <= package.manifest.last_ms - package.manifest.first_ms <= MOST_SPAN_DAYS * DAY_MS:
        raise PackageRefused(f"its calls are said to span more than {MOST_SPAN_DAYS} days: look at it with --no-derive")
    chosen: dict[str, object] = {"policy_file": policy} if policy else {}
    chosen |= {"partitions": partitions} if partitions else {}
    counted_in = load_settings(**chosen).partitions
    failures: list[Exception] = []
    with beside(place_of(url), name, counted_in) as where:
        settings = load_settings(model_dir=where.whole(), **chosen)
        pipeline = loaded(settings, failures.append, console)
    manifest, screener = package.manifest, pipeline.screener
    span = Span(manifest.first_ms - history_h * HOUR_MS, manifest.last_ms + HOUR_MS)
    found: dict[str, Decided] = {}
    with step("Deriving", console) as say:
        for lines, batch in replayed(_batches(span), pipeline, partitions=counted_in):
            found |= wanted(batch.answers.decisions, said)
            say(f"{len(found):,} of {len(said):,} calls, {len(lines):,} events a step")
    require_judged(failures)
    now = (
        ("model", manifest.versions.models, screener.classifier.version),
        ("policy", manifest.versions.policies, screener.policy.version),
    )
    return Derived(len(said), differences(said, found), tuple(_other(*one) for one in now if set(one[1]) - {one[2]}))


def _other(what: str, then: dict[str, int], now: str) -> str:
    return f"another {what}: then {', '.join(then)}, now {now}: give --{what} what decided then"


def _batches(span: Span) -> Iterator[list[bytes]]:
    store = opened(ArchiveSettings.load())
    yield from _cut(events(store, parts_of(store, span), span))


def _cut(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    left = iter(lines)
    while batch := list(itertools.islice(left, _BATCH)):
        yield batch
