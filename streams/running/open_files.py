"""How many files and sockets this process may have open: many systems begin at 1,024, and a server has more."""

import resource


def allow_open_files(wanted: int) -> int:
    """Raise this process's own limit, as far as that needs nobody's leave.

    Args:
        wanted: files and sockets.

    Returns:
        How many it may open now; less than `wanted` where an administrator has to raise the hard limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    bounds = [wanted, *(one for one in (hard,) if one != resource.RLIM_INFINITY)]
    if soft != resource.RLIM_INFINITY and soft < min(bounds):
        soft = min(bounds)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else soft
