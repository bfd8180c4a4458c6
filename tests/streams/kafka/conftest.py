"""What tests of the transport share."""

import asyncio
from typing import Any, cast

import pytest

from streams.kafka.faust_app import make_faust_app
from streams.kafka.transport import PollConsumer
from streams.settings import load_settings
from tests.streams.kafka.transport_case import Thread


@pytest.fixture
def consumer() -> Any:
    """A consumer of an application that is never started; only its thread is replaced."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app, _ = make_faust_app(load_settings(web_port=0), poll_topic="calls")
    found = app.consumer
    assert isinstance(found, PollConsumer)
    found._thread = cast("Any", Thread())
    yield found
    loop.close()
    asyncio.set_event_loop(None)
