"""What `robocall doctor` says of do-not-originate lists of others, where a place is configured."""

from collections.abc import Iterator

from models.serve.signing import Signing
from streams.numbers.dno_files import DnoFileRefused, DnoFiles
from streams.numbers.dno_follower import age_days


def listed(url: str | None, signing: Signing) -> Iterator[tuple[bool, str]]:
    """Say of each list whether it can be used, and how old it is; nothing where no place is configured.

    Called by `robocall doctor`. It blocks for reading all lists.

    Raises:
        StorageError: the place cannot be listed, or read.
    """
    if url is None:
        return
    files = DnoFiles(url, signing)
    names = sorted(files.listing())
    if not names:
        yield True, f"no list is at {files.url} yet: `robocall dno import`"
    for name in names:
        try:
            found = files.read(name).entries
        except DnoFileRefused as error:
            yield False, f"{error}; workers keep the one before: `robocall dno import` it again"
        else:
            day = found.source.date
            yield True, f"{name} of {day}, {age_days(day):,} days old: {found.size:,} entries, at {files.url}"
