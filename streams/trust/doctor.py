"""What `robocall doctor` says of the lists of trust, where authorities are named."""

import asyncio
import time
from collections.abc import Iterator

from streams.trust.settings import DAY_S, TrustSettings
from streams.trust.verifier import make_verifying

OLDEST_S = DAY_S
"""Lists are looked at each hour: one that nobody has seen for a day cannot be had."""
WHAT_TO_DO = "`robocall trust anchors check` says why"


def kept_lists(settings: TrustSettings) -> Iterator[tuple[bool, str]]:
    """Say how old each list is that is kept on this machine; nothing where no authorities are named.

    Called by `robocall doctor`. It blocks for reading the lists; nothing is fetched.

    Args:
        settings: of whoever verifies.

    Returns:
        Whether it is well, and a sentence that says what was found or what to do.

    Raises:
        SettingsInvalid: a file that the settings name holds no certificates.
        StorageError: the place of the lists is of an unknown kind.
    """
    if settings.anchors_url is None:
        return
    lists, place = make_verifying(settings).lists, settings.state_url
    for complaint in asyncio.run(lists.restore()):
        yield False, f"{complaint}; {WHAT_TO_DO}"
    now_s = time.time()
    for name, one in lists.figures().items():
        if one.seen_s is None:
            yield False, f"{name}: none is kept at {place}, as before a first start; {WHAT_TO_DO}"
            continue
        said = f"{name}: {one.entries:,} entries, confirmed {(now_s - one.seen_s) / 3_600:,.1f} hours ago"
        if one.ends_s is not None and one.ends_s < now_s:
            yield False, f"{said}, and past its end; {WHAT_TO_DO}"
        elif now_s - one.seen_s > OLDEST_S:
            yield False, f"{said}; {WHAT_TO_DO}"
        else:
            yield True, said
