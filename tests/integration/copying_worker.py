"""A worker with the real transport, publisher and ending, and no detector: publishes each record as it came.

    python tests/integration/copying_worker.py

Settings come from the environment, as for `robocall worker`.
"""

import sys
from typing import Any

from streams.kafka.client import client_settings
from streams.kafka.faust_app import make_faust_app
from streams.kafka.publishing.publisher import Delivery, Publisher
from streams.kafka.topics import CALL_DECISIONS, CALL_EVENTS
from streams.log import configure_log
from streams.running.services import Ending, new_event_loop, run
from streams.settings import load_settings


def main() -> int:
    settings = load_settings()
    configure_log(settings.log_level)
    loop = new_event_loop()
    ending = Ending()
    publisher = Publisher(client_settings(settings), [CALL_DECISIONS], ending.fail)
    app, source = make_faust_app(settings, poll_topic=CALL_EVENTS)

    async def copy(stream: Any) -> None:
        async for event in stream.noack().events():
            delivery = Delivery(event.ack)
            for _, rows in event.value.parts:
                publisher.publish(CALL_DECISIONS, list(zip(rows.keys(), rows.values(), strict=True)), delivery)
            delivery.seal()

    app.agent(source, name="copy")(copy)
    return run(app, [publisher], ending, loop)


if __name__ == "__main__":
    sys.exit(main())
