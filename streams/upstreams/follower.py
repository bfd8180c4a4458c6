"""What a worker tells of the register of upstreams: whether it can be used, and what is wrong with how many entries.

Decisions do not depend on it: what the policy makes of a trunk group stands in the policy file. So the file is looked
at beside the event loop, once a minute.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import structlog
from prometheus_client import core as prometheus
from prometheus_client.registry import Collector

from streams.metrics import Metric
from streams.running.clock import utc_today
from streams.running.daemon_thread import DaemonThread
from streams.upstreams.entries import Upstream, UpstreamsInvalid, load_upstreams
from streams.upstreams.findings import Kind, findings_of
from streams.upstreams.settings import UpstreamsSettings

LOOK_S = 60.0
Read = tuple[tuple[int, int], tuple[Upstream, ...]]

log = structlog.get_logger(__name__)


class UpstreamsFollower(Collector):
    """Follows the register, and gives its figures to a scrape.

    Args:
        settings: Without a file nothing is followed, and there are no figures.
        interval_s: Between two looks.
        today: The day that it is, UTC.
    """

    def __init__(
        self, settings: UpstreamsSettings, *, interval_s: float = LOOK_S, today: Callable[[], date] = utc_today
    ) -> None:
        self._settings = settings
        self._interval_s = interval_s
        self._today = today
        self._thread = DaemonThread("register of upstreams")
        self._read: Read | None = None
        self._counts: Mapping[Kind, int] = {}
        self.problem: str | None = None
        """Why the file is not used; what is known of an earlier one stays."""

    async def run(self) -> None:
        """Look, wait, and look again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Look once; never raises for what the file is."""
        path = self._settings.file
        if path is None:
            return
        try:
            self._read, self._counts = await self._thread.run(self._look, path)
        except (UpstreamsInvalid, OSError) as error:
            if str(error) != self.problem:
                self.problem = str(error)
                log.warning("the register of upstreams is not used", cause=self.problem)
            return
        self.problem = None

    def _look(self, path: Path) -> tuple[Read, Mapping[Kind, int]]:
        status = path.stat()
        mark = status.st_mtime_ns, status.st_size
        read = self._read if self._read is not None and self._read[0] == mark else (mark, load_upstreams(path))
        found = findings_of(read[1], self._today(), self._settings.old_after_days)
        return read, Counter(one.kind for one in found)

    def collect(self) -> Iterator[prometheus.Metric]:
        """Give all families for a scrape."""
        is_followed = self._settings.file is not None
        counts: dict[tuple[str, ...], float] = {(kind.value,): float(self._counts.get(kind, 0)) for kind in Kind}
        yield Metric.UPSTREAM_FINDINGS.many(counts if self._read is not None else {})
        refused: dict[tuple[str, ...], float] = {(): float(self.problem is not None)}
        yield Metric.UPSTREAMS_REFUSED.many(refused if is_followed else {})
