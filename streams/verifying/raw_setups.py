"""Raw records of switches: which of them is a set-up to verify, and what goes on in its place. Pure.

All that a record says stays, fields too that nobody knows; only its `own_` fields are ours.
"""

import msgspec

from detector.contract.events import CallSetup
from detector.trust.verdict import Verdict
from streams.trust.own_fields import OWN_FIELDS, with_verdict, without_own
from streams.wire.decoder import decode_one
from streams.wire.records import LooseSetupRecord, SetupRecord, encode

_SETUPS = (SetupRecord, LooseSetupRecord)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
"""Values stay as they are written: what is not ours is neither changed nor judged, as a number beyond all bounds."""


def setup_to_change(value: bytes | None) -> CallSetup | None:
    """Read a record.

    Args:
        value: As a switch published it.

    Returns:
        The set-up, where it is signed or has fields that only we write. None where the record goes on as it is: an
        unsigned set-up, the end of a call, and what nobody can read.
    """
    event = decode_one(value)
    if not isinstance(event, _SETUPS):
        return None
    is_ours = event.identity or any(getattr(event, name) is not None for name in OWN_FIELDS)
    return event if is_ours else None


def changed(value: bytes, verdict: Verdict | None) -> bytes:
    """Return what goes on in the place of a set-up.

    Args:
        value: Of a record that `setup_to_change` has read.
        verdict: None where there is none.
    """
    said = without_own(_OBJECT.decode(value))
    return encode(said if verdict is None else with_verdict(said, verdict))
