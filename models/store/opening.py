"""Find the storage that a URL names: a folder of this machine, or an object store through fsspec."""

from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from models.errors import StorageError
from models.store.advice import without_credentials
from models.store.folder import Folder
from models.store.objects import Objects
from models.store.storage import Drafts, Place, Storage

CONNECT_S = 5.0
SILENCE_S = 20.0
ATTEMPTS = 3
_S3 = ("s3://", "s3a://")


def open_storage(
    url: str | Path,
    *,
    holds: str,
    setting: str,
    drafts: Drafts,
    is_private: bool = False,
    timeout_s: float | None = None,
) -> Storage:
    """Find the storage at a URL; nothing is connected to yet, and nothing made.

    Args:
        url: path, `file://...`, `s3://bucket/prefix`, or what else fsspec and its installed libraries know. Address and
            credentials of S3 come from the environment (`AWS_...`).
        holds: what is kept there, for errors: `snapshots`, `the archive`.
        setting: the setting that names the place, for errors.
        drafts: names of files that are being written, in a folder.
        is_private: what is written to a folder is for its owner only.
        timeout_s: how long one operation of an object store may take in all, seconds, with three attempts at most;
            None leaves both to the store's library.

    Raises:
        StorageError: the kind of URL is unknown, or needs a library that is not installed.
    """
    place = Place(holds, without_credentials(str(url)), setting)
    try:
        with place.telling("use", (ValueError, OSError)):
            filesystem, root = url_to_fs(str(url), **_options(str(url), timeout_s))
    except ImportError as error:
        kind = str(url).partition(":")[0]
        more = "pip install '.[s3]' in the checkout" if str(url).startswith(_S3) else str(error)
        raise StorageError(f"{holds} at {kind}:// need a library that is not installed: {more}") from error
    if isinstance(filesystem, LocalFileSystem):
        return Folder(Path(root), place, drafts, is_private=is_private)
    if timeout_s is not None:
        filesystem.retries = ATTEMPTS  # s3fs repeats what botocore gave up, five times if it is not told
    return Objects(filesystem, root.rstrip("/"), place, timeout_s)


def _options(url: str, timeout_s: float | None) -> dict[str, Any]:
    """Without its cache of listings fsspec sees what another process has put there since."""
    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if timeout_s is not None and url.startswith(_S3):
        patience = {"connect_timeout": CONNECT_S, "read_timeout": SILENCE_S, "retries": {"total_max_attempts": 1}}
        options["config_kwargs"] = patience
    return options
