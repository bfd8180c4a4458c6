"""What `robocall doctor` says of do-not-originate lists of others, where a place is configured."""

from collections.abc import Iterator

from models.serve.signing import Signing
from streams.numbers.dno_files import DnoFileRefused, DnoFiles
from streams.running.clock import utc_today


def listed(url: str | None, signing: Signing) -> Iterator[tuple[bool, str]]:
    """Say of each list whether it can be used, and how old it is; nothing where no place is configured.

    Called by `robocall doctor`. It blocks for reading all lists.

    Raises:
        StorageError: the place cannot be listed, or read.
    """
    if url is None:
        return
    files, today = DnoFiles(url, signing), utc_today()
    names = sorted(files.listing())
    if not names:
        yield True, f"no list is at {files.url} yet: `robocall dno import`"
    for name in names:
        try:
            found = files.read(name)
        except DnoFileRefused as error:
            yield False, f"{error}; workers keep the one before: `robocall dno import` it again"
            continue
        said = f"{name} of {found.day}, {found.age_days(today):,} days old"
        if found.is_lapsed(today):
            yield False, f"{said}: good for {found.good_for_days:,} days, so it blocks nothing; import a newer one"
        else:
            yield True, f"{said}: {found.entries.size:,} entries, at {files.url}"
