"""What the console shows of models, asked of the same places as `robocall models` and `robocall doctor` ask."""

from collections.abc import Callable
from typing import TypeVar

from detector.contract.errors import RobocallError
from detector.features.table import FEATURE_SCHEMA_ID
from streams.commands.models.doctor import SENTENCES, enforced
from streams.commands.models.place import place_of
from streams.commands.shared.redis_of_settings import with_redis
from streams.console.steering.model import ModelFacts
from streams.redis.worker_reports import WorkerReport, told
from streams.settings import Settings

T = TypeVar("T")


def model_facts(settings: Settings) -> ModelFacts:
    """Ask the registry, the measure beside the model, and the workers; what does not answer is a complaint.

    It blocks for the registry and Redis, and loads each model of the registry to say whether it could serve.

    Args:
        settings: Of the workers.
    """
    complaints: list[str] = []
    nobody: list[WorkerReport] = []

    def asked(question: Callable[[], T], otherwise: T) -> T:
        try:
            return question()
        except RobocallError as error:
            complaints.append(str(error))
            return otherwise

    place = asked(lambda: place_of(settings.models_url), None)
    workers = asked(lambda: with_redis(told), nobody)
    if place is None:
        return ModelFacts(workers=workers, alarms=SENTENCES, complaints=complaints)
    return ModelFacts(
        url=place.registry.url,
        promoted=asked(place.promotions.active, None),
        artifacts=asked(lambda: place.registry.artifacts(schema_id=FEATURE_SCHEMA_ID), []),
        history=asked(place.promotions.history, []),
        workers=workers,
        enforcement=asked(lambda: ": ".join(enforced(settings)), ""),
        alarms=SENTENCES,
        complaints=complaints,
    )
