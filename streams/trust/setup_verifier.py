"""Whoever has set-ups gives them here: signed ones get a verdict, within a bound of time, and never an error."""

import asyncio
from contextlib import suppress

import structlog

from detector.contract.events import CallSetup
from detector.trust.parties import NORTH_AMERICA, parties_of
from detector.trust.verdict import Verdict
from detector.trust.verify import FRESH_MS
from streams.running.failures import Failures
from streams.running.services import Background
from streams.trust.metrics import TrustMetrics
from streams.trust.settings import TrustSettings
from streams.trust.verifier import Verifying, make_verifying

FIRST_LOOK_S = 2.0
"""Longest that a start without kept lists waits for them; calls are `not_checked` until they are there."""

log = structlog.get_logger(__name__)


class SetupVerifier:
    """Verifies set-ups, and follows the lists of trust meanwhile. On one event loop; `start` once, `stop` once.

    Args:
        made: the parts of verifying.
        country: country code of numbers that do not say theirs, without `+`.
    """

    def __init__(self, made: Verifying, country: str = NORTH_AMERICA) -> None:
        self._made = made
        self._country = country
        self._failed = Failures(made.metrics.internal_error)
        self._renewals = Background([("lists of trust", made.lists.run)])

    @property
    def metrics(self) -> TrustMetrics:
        """To be registered on a page."""
        return self._made.metrics

    async def start(self) -> None:
        """Take the lists that were kept, and look for newer ones from now on; without any, wait a moment for them."""
        lists = self._made.lists
        for complaint in await lists.restore():
            log.warning("a list of trust that was kept cannot be used", cause=complaint)
        if lists.anchors is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(lists.renew(), FIRST_LOOK_S)
        await self._renewals.start()

    async def stop(self) -> None:
        """End what runs. Never raises."""
        await self._renewals.stop()
        await self._made.close()

    async def verdict(
        self, setup: CallSetup, deadline_s: float, *, arrival_ms: int, names_call: bool = True
    ) -> Verdict | None:
        """Verify the Identity headers of a set-up.

        Args:
            setup: the call.
            deadline_s: longest that it waits for certificates, on the clock of the event loop.
            arrival_ms: when the set-up came here, by a clock of ours, epoch milliseconds. It says how old a token is:
                with the time that the set-up names, whoever dates it back could use a token for ever.
            names_call: whether attempts of one call have one charging id or call id: else replays are not looked for.

        Returns:
            The verdict. None where nobody signed, which costs nothing, and where we failed, which is counted.
        """
        if not setup.identity:
            return None
        try:
            return await self._made.verifier.verify(
                setup.identity,
                parties_of(setup, self._country),
                call=(setup.icid or setup.call_id) if names_call else None,
                at_ms=arrival_ms,
                is_late=arrival_ms - setup.setup_time_ms > FRESH_MS,
                deadline_s=deadline_s,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the call goes on without a verdict
            self._failed(error)
            return None


def make_setup_verifier(settings: TrustSettings) -> SetupVerifier | None:
    """Make one as the settings have it; None where they name no authorities: then nothing is verified.

    Raises:
        SettingsInvalid: a file that they name holds no certificates.
        StorageError: a kind of URL is unknown, or needs a library that is not installed.
    """
    return None if settings.anchors_url is None else SetupVerifier(make_verifying(settings), settings.country)
