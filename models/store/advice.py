"""Say in one line what is wrong with a place where files are kept, and what to do about it. Shows no credentials."""

import errno
import re

from models.errors import StorageError

_ADVICE = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "raise the quota there",
    errno.EFBIG: "raise the limit on the size of files",
    errno.EROFS: "mount it writable{or_another}",
    errno.EACCES: "give this user the right to read and write there",
    errno.EPERM: "give this user the right to read and write there",
    errno.ENOTDIR: "name a folder{in_setting}",
    errno.EEXIST: "a file is in the way, remove it{or_another}",
    errno.ENOENT: "create the bucket or folder{or_another}",
}
_OTHERWISE = "check its address{in_setting}, its credentials and the network"
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_QUERY = re.compile(r"(://[^\s?]*)\?[^\s)\"']*")


def storage_error(doing: str, place: str, cause: BaseException, *, setting: str | None = None) -> StorageError:
    """Make the error of a failure at `place`; it is raised by the caller.

    Args:
        doing: what was tried, for instance `write a snapshot to`.
        place: URL without credentials, or path.
        cause: what was raised.
        setting: name of the setting that names the place, where there is one.
    """
    in_setting = "" if setting is None else f" in {setting}"
    advice = _ADVICE.get(_number(cause), _OTHERWISE).format(
        in_setting=in_setting, or_another=f", or name another place{in_setting}"
    )
    return StorageError(f"cannot {doing} {place} ({_reason(cause)}): {advice}")


def without_credentials(text: str) -> str:
    """A URL, or a message with URLs in it, fit to be shown: no user, password or signature in it."""
    return _QUERY.sub(r"\1?***", _CREDENTIALS.sub("//***@", text))


def _number(cause: BaseException) -> int:
    """The system's number of an error; 0 where it has none. Libraries of stores raise its classes without one."""
    if isinstance(cause, OSError) and cause.errno is not None:
        return cause.errno
    if isinstance(cause, PermissionError):
        return errno.EACCES
    return errno.ENOENT if isinstance(cause, FileNotFoundError) else 0


def _reason(cause: BaseException) -> str:
    said = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    unsaid = "no answer in time" if isinstance(cause, TimeoutError) else type(cause).__name__
    return without_credentials(" ".join((said or unsaid).split()))
