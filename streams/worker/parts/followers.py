"""What brings news to the screener, beside the stream: models, measures, lists, numbers, upstreams, campaigns."""

from dataclasses import dataclass
from pathlib import Path

import structlog

from detector.campaigns.names import CampaignNames
from detector.columns.code_plan import codes_id
from models.serve.artifact import SHIPPED
from models.store.registry import Registry
from streams.campaigns.follower import CampaignFollower, follow_names
from streams.numbers.dno_files import DnoFiles
from streams.numbers.dno_follower import DnoFollower
from streams.redis.kept_lists import KeptLists, ListKeeper, identity_of
from streams.redis.lists import ListFollower
from streams.upstreams.follower import UpstreamsFollower
from streams.upstreams.settings import UpstreamsSettings
from streams.worker.measures import MeasureFollower
from streams.worker.model_switch import ModelSwitch
from streams.worker.parts.ground import Ground

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Followers:
    """Each of them changes the screener when there is news.

    Attributes:
        switch: puts the model in place that was promoted, and the one in its shadow.
        measures: follows the measure beside the model in place, wherever that is.
        lists: follows Redis.
        dno: follows the do-not-originate lists of others; None where no place of them is named.
        upstreams: follows the register of upstreams.
        campaigns: follows the names of campaigns; None where decisions are not to name them.
    """

    switch: ModelSwitch
    measures: MeasureFollower
    lists: ListFollower
    dno: DnoFollower | None
    upstreams: UpstreamsFollower
    campaigns: CampaignFollower | None

    @classmethod
    def make(cls, ground: Ground) -> "Followers":
        """Make them all."""
        settings, screener = ground.settings, ground.screener
        models_url = settings.own_models or SHIPPED.absolute().parent
        switch = ModelSwitch(screener, models_url, settings.signing, codes_id(screener.engine.unassigned))
        return cls(
            switch=switch,
            measures=_measures(ground, switch, models_url),
            lists=_lists(ground, switch),
            dno=_dno(ground),
            upstreams=UpstreamsFollower(UpstreamsSettings.load()),
            campaigns=_campaigns(ground),
        )


def _measures(ground: Ground, switch: ModelSwitch, models_url: str | Path) -> MeasureFollower:
    settings = ground.settings
    registry = Registry(models_url, settings.signing)
    if settings.own_models and (complaint := registry.complaint()):
        log.warning(complaint)
    folder = (settings.model_dir or SHIPPED).absolute()
    return MeasureFollower(ground.screener, switch, registry, folder, settings.partitions)


def _lists(ground: Ground, switch: ModelSwitch) -> ListFollower:
    """Where lists are awaited the screener has none to begin with, and every call passes."""
    settings, screener = ground.settings, ground.screener
    if settings.awaits_lists:
        screener.lists = None
    keeper = None
    if settings.keeps_lists:
        identity = identity_of(settings.redis_address, settings.consumer_group)
        keeper = ListKeeper(KeptLists(settings.snapshot_url, identity, settings.signing))
    return ListFollower(ground.redis, ground.guard, screener, keeper=keeper, on_model=switch, on_shadow=switch.shadow)


def _dno(ground: Ground) -> DnoFollower | None:
    if ground.settings.numbers_url is None:
        return None
    return DnoFollower(DnoFiles(ground.settings.numbers_url, ground.settings.signing), ground.screener)


def _campaigns(ground: Ground) -> CampaignFollower | None:
    if not ground.settings.name_campaigns:
        return None
    ground.screener.campaigns = CampaignNames()
    return follow_names(ground.settings, ground.screener.campaigns)
