"""The archive, as commands read it: apart from other stores, for what reads it takes a while to load."""

import click

from streams.archive.coverage import require_some
from streams.archive.files import ArchiveStore, ArchiveUnusable
from streams.archive.settings import ArchiveSettings


def opened(settings: ArchiveSettings) -> ArchiveStore:
    """The archive to read; it is said where nothing is in it, which would else look like one without calls.

    It blocks for listing it.

    Raises:
        StorageError: it cannot be listed.
    """
    store = ArchiveStore(settings.url)
    try:
        require_some(store)
    except ArchiveUnusable as nothing:
        click.echo(str(nothing), err=True)
    return store
