"""Records held against the partitioner: the wrong one is told from partitions that were added."""

from binascii import crc32

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.partitioner import partitions_of
from streams.kafka.placement import FEWEST, Placed, astray, other_count

KEYS = st.lists(
    st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True).map(str.encode), min_size=40, max_size=80, unique=True
)


def by_murmur2(keys: list[bytes], partitions: int) -> list[Placed]:
    return list(zip(keys, partitions_of(keys, partitions), strict=True))


@given(KEYS, st.integers(2, 24))
def test_what_is_in_its_place_is_not_astray(keys: list[bytes], partitions: int) -> None:
    assert astray(by_murmur2(keys, partitions), partitions) == []


@given(KEYS, st.integers(3, 12))
def test_librdkafkas_default_agrees_on_no_number_of_partitions(keys: list[bytes], partitions: int) -> None:
    """`consistent_random` is CRC32; a share of its records is in the right place by chance."""
    placed = [(key, crc32(key) % partitions) for key in keys]
    strays = [placed[index] for index in astray(placed, partitions)]

    assert strays
    assert other_count(strays, partitions) is None


@given(KEYS, st.integers(2, 12), st.integers(1, 12))
def test_what_was_written_before_partitions_were_added_says_so(keys: list[bytes], before: int, more: int) -> None:
    placed = by_murmur2(keys, before)
    strays = [placed[index] for index in astray(placed, before + more)]

    if len(strays) < FEWEST:
        assert other_count(strays, before + more) is None
    else:
        count = other_count(strays, before + more)
        assert count is not None
        assert astray(strays, count) == []


def test_whoever_writes_to_one_partition_always_is_astray() -> None:
    """It looks like a topic that once had one partition; that a switch does so is likelier."""
    strays = [(b"+1202555%04d" % number, 0) for number in range(64)]

    assert other_count([strays[index] for index in astray(strays, 12)], 12) is None
