"""Test calls: set-ups and ends as a switch would publish them, with numbers that nobody has (+1 NPA 555 01XX)."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.running.clock import wall_clock_ms

CALLED = "+13125550142"
TRUNK_GROUP = "conformance"
RESERVED = re.compile(r"\+1[2-9]\d{2}55501(\d{2})")
"""Reserved for examples (NANPA); the last two digits are the group."""


@dataclass(frozen=True, slots=True)
class TestCalls:
    """Makes the calls of one run: their call ids and their switch id are nobody else's."""

    __test__ = False  # its name is no invitation to pytest

    run: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    @property
    def switch_id(self) -> str:
        """What the decisions of this run are keyed by."""
        return f"conformance-{self.run}"

    def setup(self, name: str, calling_number: str = "+12025550100", **more: Any) -> dict[str, Any]:
        """A set-up of now.

        Args:
            name: makes the call id, together with the run.
            calling_number: of the caller.
            more: other fields, or the same ones with other values; None leaves a field out.
        """
        fields = {
            "type": "call_setup",
            "call_id": f"{name}@{self.switch_id}",
            "setup_time_ms": wall_clock_ms(),
            "calling_number": calling_number,
            "called_number": CALLED,
            "trunk_group_id": TRUNK_GROUP,
            "switch_id": self.switch_id,
            "role": "terminating",
        }
        return {name: value for name, value in (fields | more).items() if value is not None}

    @staticmethod
    def end(setup: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The end of a call, six seconds after its set-up, never answered."""
        kept = ("call_id", "setup_time_ms", "calling_number", "called_number", "trunk_group_id", "switch_id")
        fields = {name: setup[name] for name in kept if name in setup}
        fields |= {"type": "call_end", "end_time_ms": setup["setup_time_ms"] + 6_000, "sip_status": 487}
        return {name: value for name, value in (fields | more).items() if value is not None}


def encoded(event: dict[str, Any]) -> bytes:
    """The bytes of an event as a switch writes them."""
    return msgspec.json.encode(event)
