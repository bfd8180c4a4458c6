"""What is said of a place that fails: one line, what to do, and nothing that is secret."""

import errno
import os

import pytest

from models.store.advice import storage_error, without_credentials


def of(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (of(errno.ENOSPC), "(No space left on device): free space there"),
        (of(errno.EROFS), "(Read-only file system): mount it writable, or name another place in HERE"),
        (of(errno.EACCES), "(Permission denied): give this user the right to read and write there"),
        (PermissionError("Forbidden"), "(Forbidden): give this user the right to read and write there"),
        (FileNotFoundError("no bucket"), "(no bucket): create the bucket or folder, or name another place in HERE"),
        (TimeoutError(), "(no answer in time): check its address in HERE, its credentials and the network"),
        (RuntimeError(), "(RuntimeError): check its address in HERE, its credentials and the network"),
        (RuntimeError("two\nlines"), "(two lines): check its address in HERE, its credentials and the network"),
    ],
)
def test_every_cause_comes_with_advice(cause: BaseException, said: str) -> None:
    error = storage_error("list the models at", "/models", cause, setting="HERE")

    assert str(error) == f"cannot list the models at /models {said}"
    assert error.retriable


def test_a_place_of_no_setting_is_told_without_one() -> None:
    error = storage_error("write a snapshot to", "/spool/1.part", of(errno.EEXIST))

    assert str(error).endswith("(File exists): a file is in the way, remove it, or name another place")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://bucket/models", "s3://bucket/models"),
        ("/home/user@work/models", "/home/user@work/models"),
        ("s3://key:secret@bucket/models", "s3://***@bucket/models"),
        ("simplecache::ftp://user:secret@host/a", "simplecache::ftp://***@host/a"),
        ("https://host/a?X-Signature=secret", "https://host/a?***"),
        ('cannot reach "https://u:p@host/a?sig=secret": why?', 'cannot reach "https://***@host/a?***": why?'),
    ],
)
def test_credentials_are_not_shown(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_what_a_library_says_is_shown_without_credentials_too() -> None:
    error = storage_error("read", "https://host", RuntimeError("GET https://user:secret@host/a?sig=secret failed"))

    assert "secret" not in str(error)
