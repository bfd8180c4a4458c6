"""Questions of `robocall ask` and `robocall adapt` in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.serve.artifact import Model
from streams.commands.events.source import Source
from streams.commands.questions.asked import Asked
from streams.commands.questions.setups import setups_of
from streams.running.progress import Say

if TYPE_CHECKING:
    from models.adapt.calls import Calls
    from models.adapt.comparing import Cluster
    from models.adapt.labels import Labels


def listed(
    about: "Sequence[tuple[Cluster, str]]", calls: "Calls", labels: "Labels", model: Model, source: Source, say: Say
) -> list[Asked]:
    """Say questions in words. It blocks for the disk and for processor time: all events are read.

    Args:
        about: Clusters, each with why it is asked about.
        calls: All of the span.
        labels: Of these.
        model: Whose scores they have.
        source: The events that they came from.
        say: Told how far it is.

    Raises:
        OSError: a file cannot be read.
        RobocallError: the archive cannot be read.
    """
    from streams.commands.adapt.asked import asked_of  # noqa: PLC0415 - scipy takes seconds

    places = [cluster.labelled for cluster, _ in about]
    setups = setups_of(source, calls.call[np.concatenate(places)] if places else np.zeros(0, np.int64), say)
    return [
        asked_of(one, why, calls, labels, model, [setups[key] for key in calls.call[one.labelled].tolist()])
        for one, why in about
    ]
