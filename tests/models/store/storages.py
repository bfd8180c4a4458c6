"""What the tests of storage share: one opened as the users of storage open theirs."""

from pathlib import Path

from models.store.opening import open_storage
from models.store.storage import Drafts, Storage

ABANDONED_S = 3_600.0
DRAFTS = Drafts("{name}.{random}.draft", ABANDONED_S)


def opened(url: str | Path, *, is_private: bool = False, timeout_s: float | None = 60.0) -> Storage:
    """The storage at a URL."""
    return open_storage(
        url,
        holds="the things",
        setting="ROBOCALL_THINGS_URL",
        drafts=DRAFTS,
        is_private=is_private,
        timeout_s=timeout_s,
    )
