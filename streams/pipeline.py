"""From record values to decision bytes: the one path that the worker, the replay and the demo share.

It reads the records (`streams.intake`), builds columns and screens them (`detector`), and encodes the answers
(`streams.records`). It knows no topic, clock or socket: partitions and the time of decision are arguments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from detector.columns import build_batch
from detector.decisions import decide
from detector.events import CallSetup
from detector.screening import Screener, Screening, fail_open
from streams.intake import Intake, read
from streams.records import DecisionRecord, encode_decision

MAX_BATCH = 256
"""Records that a replay hands over at once; the worker has a setting for it, of the same default."""

OnFailure = Callable[[Exception], None]


@dataclass(frozen=True, slots=True)
class Processed:
    """What became of one batch. `decisions` and `keys` run parallel to `screening.setups`, in input order."""

    intake: Intake
    screening: Screening
    decisions: list[bytes]
    keys: list[bytes]


class Pipeline:
    """Decode, screen, encode; an internal error answers allow for the batch and is reported, never raised.

    Args:
        screener: holds windows, model, policy and lists.
        seed: of the hashes of keys; the same for every worker of a group.
        on_failure: told about each internal error.
    """

    def __init__(self, screener: Screener, *, seed: int, on_failure: OnFailure) -> None:
        self.screener = screener
        self._seed = seed
        self._on_failure = on_failure

    def process(
        self, values: Sequence[bytes | None], partitions: Sequence[int], *, decided_time_ms: int | None
    ) -> Processed:
        """Answer every `call_setup` among the values.

        Args:
            values: record values as they came.
            partitions: of each value.
            decided_time_ms: epoch milliseconds; None takes each call's own setup time (replay).
        """
        intake = read(values)
        screening = self._screen(intake, [partitions[position] for position in intake.positions])
        return Processed(intake, screening, *_encode(screening, decided_time_ms))

    def _screen(self, intake: Intake, partitions: list[int]) -> Screening:
        try:
            batch = build_batch(intake.events, intake.is_setup, partitions, seed=self._seed)
            return self.screener.screen(batch)
        except Exception as error:  # noqa: BLE001 - the written policy: a bug must never block or lose a call
            self._on_failure(error)
            setups = [
                cast("CallSetup", event)
                for event, is_setup in zip(intake.events, intake.is_setup, strict=True)
                if is_setup
            ]
            return fail_open(setups, self.screener.versions, self.screener.policy.mode)


def _encode(screening: Screening, decided_time_ms: int | None) -> tuple[list[bytes], list[bytes]]:
    decisions: list[bytes] = []
    keys: list[bytes] = []
    rows = zip(screening.setups, screening.ids, screening.outcomes, screening.scores, screening.modes, strict=True)
    for setup, identifier, outcome, score, mode in rows:
        decided = setup.setup_time_ms if decided_time_ms is None else decided_time_ms
        record = decide(setup, identifier, outcome, score, mode, decided, screening.versions, DecisionRecord)
        decisions.append(encode_decision(record))
        keys.append((setup.switch_id or setup.call_id).encode("utf-8", "surrogatepass"))
    return decisions, keys
