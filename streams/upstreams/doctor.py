"""What `robocall doctor` says of the register of upstreams, where one is configured."""

from collections import Counter
from collections.abc import Iterator

from streams.running.clock import utc_today
from streams.upstreams.entries import load_upstreams
from streams.upstreams.findings import findings_of
from streams.upstreams.settings import UpstreamsSettings


def known_upstreams() -> Iterator[tuple[bool, str]]:
    """Say how many upstreams are known, and what is wrong with them; nothing where no register is configured.

    Called by `robocall doctor`. It blocks for reading the file.

    Raises:
        UpstreamsInvalid: the register cannot be used.
        SettingsInvalid: a setting of it is wrong.
    """
    settings = UpstreamsSettings.load()
    if settings.file is None:
        return
    entries = load_upstreams(settings.file)
    kinds = Counter(one.kind for one in findings_of(entries, utc_today(), settings.old_after_days))
    said = f"{len(entries):,} trunk groups in {settings.file}"
    if kinds:
        told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        yield False, f"{said}: {told}; `robocall upstreams check` says which"
    else:
        yield True, f"{said}, nothing is wrong with any"
