"""Who answers tracebacks: ourselves, and who stands behind each trunk group by the register of upstreams."""

from collections.abc import Mapping

from streams.archive.numbers import NumberKey
from streams.archive.settings import ArchiveSettings
from streams.traceback.answering import Office, Party
from streams.traceback.records import Provider
from streams.traceback.settings import TracebackSettings
from streams.upstreams.entries import Upstream, UpstreamRole, load_upstreams
from streams.upstreams.settings import UpstreamsSettings


def office_of(settings: TracebackSettings, archive: ArchiveSettings, actions: Mapping[str, str]) -> Office:
    """Make it; without a register of upstreams they are known by the codes of the events alone.

    It blocks for reading the register.

    Args:
        settings: Who we are.
        archive: How numbers are kept.
        actions: What was done about the customer behind a trunk group.

    Raises:
        SettingsInvalid: nobody said who we are.
        UpstreamsInvalid: the register cannot be used.
    """
    path = UpstreamsSettings.load().file
    parties = {} if path is None else {one.trunk_group_id: _party(one) for one in load_upstreams(path)}
    return Office(settings.own, parties, None if archive.key is None else NumberKey(archive.key), actions)


def _party(one: Upstream) -> Party:
    provider = Provider(
        name=one.legal_name, ocn=one.ocn, frn=one.frn, rmd_number=one.rmd_number, country=one.country,
        contact=one.contact,
    )  # fmt: skip
    return Party(provider, one.role is UpstreamRole.CUSTOMER)
