"""Compile what a call needs between its windows and its answer, before the first one comes."""

import numpy as np

from detector.columns.batch_columns import columns_of
from detector.columns.membership import MembershipFilter
from detector.contract.decisions import Versions
from detector.features.table import N_FEATURES
from detector.policy.reasons import leading
from detector.policy.screening import Screening
from streams.kafka.fetched import gather, rows_of
from streams.kafka.partitioner import partitions_of
from streams.screening.answers import answer
from streams.screening.stray_keys import strays
from streams.wire.reading import read

_CALL = (
    b'{"type":"call_setup","call_id":"warm-up","setup_time_ms":1760000000000,"calling_number":"+12025550123",'
    b'"called_number":"+13125550145","trunk_group_id":"warm-up"}'
)


def warm_answers() -> None:
    """Answer a call that nobody made; no window, policy or model sees it. Loaded from the cache it takes milliseconds.

    Raises:
        RuntimeError: it cannot be answered the fast way.
    """
    rows = rows_of([(0, 0, b"warm-up", _CALL)])
    reading = read(gather([(0, rows)]))
    nowhere = np.zeros(1, np.int64)
    calls = columns_of(reading.facts, reading.events, nowhere, nowhere, seed=0).calls
    no_features = np.zeros((0, N_FEATURES), np.float32)
    screening = Screening(calls, {}, np.zeros(1, np.bool_), np.zeros(1), no_features, Versions("", "", ""))
    made = answer(screening, nowhere, nowhere, None, None)
    if made.failures or not calls.plain.all():
        raise RuntimeError(f"the warm-up call could not be answered: {made.failures}")
    calls.column("calling_number")
    MembershipFilter.of(["warm-up"]).may_have(calls.hashes("calling_number"))
    strays(rows.key_hashes(), reading)
    leading(np.zeros((1, N_FEATURES)))
    partitions_of([b"warm-up"], 2)
