"""The live calls of a demo whose switch speaks no Kafka: each is asked about by SIP, and ends where it was routed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec

from detector.contract.events import CallSetup, Treatment
from streams.bridge.sip.requests import invite
from streams.commands.demo.switch import HERE, Said, Switch, routing
from streams.commands.demo.view import Dips, Routing
from streams.wire.records import decode_event

Publish = Callable[[bytes], Awaitable[None]]
TREATMENTS = {Routing.PASSED: Treatment.ALLOW, Routing.LABELLED: Treatment.LABEL}
"""What an end says of a call that was routed; all others of them nobody had judged in time."""
_FIELDS = msgspec.json.Decoder(dict[str, Any])


class DippedCalls:
    """Handles events as a switch does. Used on one event loop; no call waits on another.

    The bridge publishes set-ups, and the ends of calls that it blocked. All other ends are published by `publish`,
    without a set-up time: that is the bridge's, and nobody told it to the switch.

    Args:
        switch: started.
        publish: takes an event for `call-events`.
        dips: kept up to date.
    """

    def __init__(self, switch: Switch, publish: Publish, dips: Dips) -> None:
        self._switch = switch
        self._publish = publish
        self._dips = dips
        self._asked: dict[str, asyncio.Task[Said | None]] = {}
        self._ends: set[asyncio.Task[None]] = set()

    def take(self, line: bytes, *, is_setup: bool) -> None:
        """Take an event that is due now; returns at once.

        Args:
            line: JSON, of `call-events`.
            is_setup: whether it is a set-up.
        """
        loop = asyncio.get_running_loop()
        if is_setup:
            setup = cast("CallSetup", decode_event(line))
            self._asked[setup.call_id] = loop.create_task(self._ask(setup))
            return
        task = loop.create_task(self._end(line))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)

    async def settle(self) -> None:
        """Return once all calls so far are answered, and all ends so far are published.

        Raises:
            Exception: whatever a call or an end has raised.
        """
        await asyncio.gather(*self._asked.values(), *self._ends)

    async def _ask(self, setup: CallSetup) -> Said | None:
        said = await self._switch.ask(setup.call_id, invite(setup, HERE))
        self._dips.add(routing(said), time.time() * 1e3 - setup.setup_time_ms)
        return said

    async def _end(self, line: bytes) -> None:
        fields = _FIELDS.decode(line)
        asked = self._asked.pop(fields["call_id"], None)
        if asked is not None:
            found = routing(await asked)
            if found is Routing.BLOCKED:
                return
            del fields["setup_time_ms"]
            line = msgspec.json.encode(fields | {"treatment": TREATMENTS.get(found, Treatment.TIMEOUT)})
            self._dips.ends += 1
        await self._publish(line)
