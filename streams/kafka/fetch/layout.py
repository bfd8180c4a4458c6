"""Where things stand in a record batch of format 2, in bytes, and what the bits of its attributes mean.

Format: https://kafka.apache.org/documentation/#recordbatch.
"""

BEFORE_LENGTH = 12
"""Bytes up to the end of the length, which counts those behind it."""
LENGTH_AT, MAGIC_AT, CRC_AT, ATTRIBUTES_AT, LAST_DELTA_AT = 8, 16, 17, 21, 23
FIRST_TIME_AT, LAST_TIME_AT, COUNT_AT, RECORDS_AT = 27, 35, 57, 61
MAGIC = 2
CODEC, LOG_APPEND_TIME, TRANSACTIONAL, CONTROL = 0x07, 0x08, 0x10, 0x20
"""Bits of the second byte of the attributes."""
