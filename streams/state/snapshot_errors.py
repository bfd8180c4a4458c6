"""What can go wrong with snapshots. None of it stops a worker: an older one or the recent past of the topic serves."""

import errno

from detector.contract.errors import RobocallError

ADVICE = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "raise the quota there",
    errno.EROFS: "mount it writable or name another place",
    errno.EACCES: "give the worker's user the right to read and write there",
    errno.EPERM: "give the worker's user the right to read and write there",
    errno.ENOTDIR: "name a folder",
    errno.EEXIST: "a file is in the way, remove it or name another place",
    errno.ENOENT: "create the bucket or folder, or name another place",
}


class SnapshotRefused(RobocallError):  # noqa: N818 - the name states what is wrong
    """A snapshot is damaged, or not of this build, topic or partition. It is skipped; nothing of it was used."""


class SnapshotStoreError(RobocallError):
    """A snapshot could not be written, listed or fetched. The worker goes on; the state in memory is not touched."""

    retriable = True


def store_error(doing: str, place: str, cause: BaseException) -> SnapshotStoreError:
    """Make the one-line error of a failure at `place`, with what to do about it.

    Args:
        doing: what was tried, for instance "write a snapshot to".
        place: URL or path.
        cause: what was raised.
    """
    number = cause.errno if isinstance(cause, OSError) else None
    if number is None and isinstance(cause, PermissionError):
        number = errno.EACCES
    elif number is None and isinstance(cause, FileNotFoundError):
        number = errno.ENOENT
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    unsaid = "no answer in time" if isinstance(cause, TimeoutError) else type(cause).__name__
    reason = " ".join((said or unsaid).split())
    advice = ADVICE.get(number or 0, "check its address, its credentials and the network")
    return SnapshotStoreError(f"cannot {doing} {place} ({reason}): {advice}")
