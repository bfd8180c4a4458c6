"""The job on the worker's own transport, reading, columns and publisher, with windows and score compiled for it."""

import asyncio
import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.arguments import parse
from benchmarks.peers.job import BIAS, WEIGHTS
from benchmarks.peers.worker_job.answers import answers
from benchmarks.peers.worker_job.windows import ExactWindows
from detector.columns.call_columns import build_columns
from detector.columns.compiled import compiled_borrowing
from detector.columns.hashing import PUBLIC_SEED
from streams.kafka.agents.agent import add_agent
from streams.kafka.client import client_settings
from streams.kafka.faust_app import make_faust_app
from streams.kafka.fetch.turns import take
from streams.kafka.fetched import FetchedBatch, Poll
from streams.kafka.publishing.publisher import Delivery, Publisher
from streams.kafka.publishing.records import Packed
from streams.running.services import Ending, new_event_loop, run
from streams.settings import Settings, load_settings
from streams.wire.reading import read
from streams.wire.record_columns import records_of

_WEIGHTS = np.array(WEIGHTS)


class JobScreening:
    """Stands where the worker has `streams.worker.screen_calls.CallScreening`.

    Args:
        publisher: takes the answers.
        sink: their topic.
        settings: seed and size of a batch.
    """

    def __init__(self, publisher: Publisher, sink: str, settings: Settings) -> None:
        self._publisher, self._sink, self._settings = publisher, sink, settings
        self._windows = ExactWindows()

    def warm(self) -> None:
        """Compile before the group counts on this process, as the worker does."""
        facts = read(records_of([])).facts
        batch = build_columns(facts, [], seed=PUBLIC_SEED)
        counts = self._windows.count(batch)
        answers(facts.data, facts.spans[batch.is_setup], _scores(counts), counts)

    async def screen(
        self, poll: Poll, acknowledge: Callable[[], object], set_aside: Callable[[], object] | None = None
    ) -> None:
        """Answer a poll in slices, as the worker does; acknowledged once the broker has every answer."""
        delivery = Delivery(acknowledge, set_aside)
        most = self._settings.max_batch_events
        parts, rest = take(poll.parts, most, share=False)
        while parts:
            self._publisher.publish(self._sink, self._answers(FetchedBatch(parts)), delivery)
            await asyncio.sleep(0)
            parts, rest = take(rest, most, share=False)
        poll.screened(None)
        delivery.seal()

    def _answers(self, fetched: FetchedBatch) -> Packed:
        reading = read(fetched.records)
        batch = build_columns(reading.facts, reading.events, seed=PUBLIC_SEED)
        counts = self._windows.count(batch)
        return answers(reading.facts.data, reading.facts.spans[batch.is_setup], _scores(counts), counts)


def _scores(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    scores = np.empty(len(counts))
    _fill(counts, _WEIGHTS, scores)
    return scores


@compiled_borrowing
def _fill(counts: NDArray[np.int64], weights: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
    for row in range(len(counts)):
        total = BIAS
        for column in range(len(weights)):
            total += weights[column] * counts[row, column]
        scores[row] = 1.0 / (1.0 + np.exp(-total))


def main() -> None:
    """Run until SIGTERM."""
    options = parse()
    settings = load_settings(
        kafka_bootstrap_servers=options.bootstrap, consumer_group=options.group, web_port=0, partitions=1
    )
    loop, ending = new_event_loop(), Ending()
    app, source = make_faust_app(settings, poll_topic=options.input)
    publisher = Publisher({**client_settings(settings), "acks": "all"}, [options.output], ending.fail)
    screening = JobScreening(publisher, options.output, settings)
    screening.warm()
    add_agent(app, source, "screen_calls", screening.screen, ending.fail)
    sys.exit(run(app, [publisher], ending, loop))


if __name__ == "__main__":
    main()
