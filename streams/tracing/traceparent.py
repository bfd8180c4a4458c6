"""The field `traceparent` of a traced set-up: by it a worker finds the bridge's span. W3C Trace Context, level 1.

A record of Kafka could have it as a header, which neither our reader nor our writer of record batches knows
(docs/decisions/0014). Unknown fields of an event are ignored by whoever else reads it.
"""

import re

from detector.contract.events import MAX_RECORD_BYTES

_FIELD = re.compile(rb'"traceparent":"00-([0-9a-f]{32})-([0-9a-f]{16})-01"')


def with_parent(value: bytes, trace_id: int, span_id: int) -> bytes:
    """Add the field to an event, a JSON object with fields.

    One that would become too long stays as it is, and one that has the field: no event may repeat a key.
    """
    if b'"traceparent"' in value:
        return value
    made = value[:-1] + b',"traceparent":"00-%032x-%016x-01"}' % (trace_id, span_id)
    return made if len(made) <= MAX_RECORD_BYTES else value


def parent_of(value: bytes, trace_id: int) -> int | None:
    """Span id that an event names; None where it names none of this trace, whose id only we can make.

    Whatever a switch writes itself is of another trace, and ignored.

    Args:
        value: the record.
        trace_id: of the call, as we make it.
    """
    for found in _FIELD.finditer(value):
        if int(found[1], 16) == trace_id and int(found[2], 16):
            return int(found[2], 16)
    return None
