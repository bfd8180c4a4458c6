"""Partitions of keys, beside aiokafka's port of Kafka's default partitioner."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.partitioner import partitions_of
from streams.kafka.publishing.publisher import partition_of


@given(st.binary(max_size=64), st.integers(1, 200))
def test_keys_go_where_kafkas_default_partitioner_sends_them(key: bytes, partitions: int) -> None:
    """A reader of one key finds our records in the partition where its own client looks."""
    assert partition_of(key, partitions) == DefaultPartitioner()(key, list(range(partitions)), [])


@given(st.lists(st.binary(max_size=64)), st.integers(1, 200))
def test_a_batch_of_keys_goes_where_each_of_them_goes(keys: list[bytes], partitions: int) -> None:
    """However long the others are."""
    places = [DefaultPartitioner()(key, list(range(partitions)), []) for key in keys]
    assert partitions_of(keys, partitions) == places
