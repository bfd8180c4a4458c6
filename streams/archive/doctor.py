"""What `robocall doctor` says of the archive, where one is configured."""

import os
import time

from streams.archive.files import ArchiveStore
from streams.archive.numbers import NumberKey
from streams.archive.settings import ARCHIVE_PREFIX, ARCHIVED, ArchiveSettings
from streams.archive.sink import latest_files, numbers_identity, require_same_numbers


def archived() -> str | None:
    """Say where the archive is and how old its newest file is; None where none is configured.

    Called by `robocall doctor`. It blocks for listing the archive and for opening a file of each topic.

    Raises:
        SettingsInvalid: a setting of the archive is wrong.
        StorageError: the archive cannot be listed.
        ArchiveUnusable: its numbers are kept in another way than they would be now.
    """
    if not os.environ.get(f"{ARCHIVE_PREFIX}URL"):
        return None
    settings = ArchiveSettings.load()
    store = ArchiveStore(settings.url)
    files = list(latest_files(store, ARCHIVED).values())
    if not files:
        return f"nothing is archived at {store.url} yet: `robocall archive run`"
    key = None if settings.key is None else NumberKey(settings.key)
    require_same_numbers(store, files, numbers_identity(key))
    minutes = max(0.0, time.time() - max(file.modified_s for file in files)) / 60
    return f"{store.url}: newest file {minutes:,.0f} minutes old"
