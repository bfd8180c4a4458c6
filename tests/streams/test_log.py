"""Log lines: one JSON object each on standard error, numbers as digests, errors without a record's content."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.log import Lines, NumberDigest, Seldom
from tests.waiting import HANG_S

NUMBER = "+12025550123"


def test_a_number_has_one_digest_under_one_key_and_another_under_another() -> None:
    """So that lines can be joined, and nobody without the key can try all numbers."""
    digest = NumberDigest("a key")
    assert digest(NUMBER) == NumberDigest("a key")(NUMBER)
    assert digest(NUMBER) != NumberDigest("another key")(NUMBER)
    assert digest(NUMBER) != digest("+12025550124")
    assert len(digest(NUMBER)) == 16
    assert NUMBER not in digest(NUMBER)


def test_without_a_key_digests_end_with_the_process() -> None:
    """Two processes that were given no key do not agree."""
    assert NumberDigest()(NUMBER) != NumberDigest()(NUMBER)


def test_a_number_may_be_anything_that_a_switch_sent() -> None:
    """Lone surrogates included."""
    assert len(NumberDigest("k")("\ud800 anonymous")) == 16


SCRIPT = """
import logging, structlog
from streams.log import configure_log
configure_log("info", "json")
structlog.get_logger("streams.x").info("hello", partition=3)
structlog.get_logger("streams.x").debug("too fine")
logging.getLogger("aiokafka").info("library chatter")
logging.getLogger("aiokafka").warning("library warning %s", 7)
"""


def test_lines_are_json_on_standard_error() -> None:
    """Our own from the level on, those of libraries from warning on."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=HANG_S)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.stdout == ""
    assert [(line["event"], line["level"]) for line in lines] == [("hello", "info"), ("library warning 7", "warning")]
    assert lines[0]["partition"] == 3
    assert lines[0]["logger"] == "streams.x"


TRACEBACK_SCRIPT = """
import structlog
from streams.log import configure_log
configure_log("info", STYLE)
def decide(calling_number):
    return {}[0]
try:
    decide("+1202555" + "0123")
except KeyError:
    structlog.get_logger("streams.x").exception("broke")
"""


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_values_of_variables(style: str) -> None:
    """They are call events, and a phone number must not be logged."""
    script = TRACEBACK_SCRIPT.replace("STYLE", repr(style))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=HANG_S)
    assert "KeyError" in done.stderr
    assert "decide" in done.stderr
    assert NUMBER not in done.stderr


BROKEN_LOG_SCRIPT = """
import logging, sys
from pathlib import Path
import structlog
from streams.log import configure_log
configure_log("info", sys.argv[1])
for number in range(2_000):
    structlog.get_logger("streams.x").warning("decided", partition=number)
    logging.getLogger("aiokafka").warning("line %s", number)
handler = logging.getLogger().handlers[0]
Path(sys.argv[2]).write_text(str(handler.lost))
"""


@pytest.mark.parametrize("style", ["auto", "json", "console"])
@pytest.mark.parametrize("stderr", ["full disk", "nobody reads", "closed"])
def test_a_log_that_cannot_be_written_breaks_nothing(style: str, stderr: str, tmp_path: Path) -> None:
    """Whoever logs goes on, the lines are counted as lost, and the process ends with its own status."""
    reached = tmp_path / "reached"
    command = [sys.executable, "-c", BROKEN_LOG_SCRIPT, style, str(reached)]
    if stderr == "closed":
        done = subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *command], check=False, timeout=HANG_S)
    elif stderr == "full disk":
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(command, stderr=full, check=False, timeout=HANG_S)
    else:
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run(command, stderr=write_end, check=False, timeout=HANG_S)
        os.close(write_end)

    assert done.returncode == 0
    assert int(reached.read_text()) >= 2_000


def test_a_line_that_cannot_be_made_is_said_without_its_values() -> None:
    """A traceback of it would show what was to be logged."""
    stream = io.StringIO()
    handler = Lines(stream)
    handler.handle(logging.LogRecord("aiokafka", logging.WARNING, "x.py", 1, "wants a number: %d", (NUMBER,), None))

    assert stream.getvalue() == "a log line of aiokafka could not be made (TypeError)\n"
    assert handler.lost == 1


def _library_line(name: str, number: int) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "x.py", 1, "cannot connect to node %s", (number,), None)


def test_a_library_says_the_same_once_and_we_say_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """An outage of minutes must not fill a disk; how many lines were left out is told with the next."""
    now = [100.0]
    monkeypatch.setattr("streams.log.time.monotonic", lambda: now[0])
    seldom = Seldom()

    assert [seldom.filter(_library_line("aiokafka.conn", number)) for number in range(80)] == [True] + [False] * 79
    assert seldom.filter(_library_line("aiokafka.client", 1))
    assert all(seldom.filter(_library_line("streams.kafka.publishing.publisher", number)) for number in range(5))
    now[0] += 10
    later = _library_line("aiokafka.conn", 81)
    assert seldom.filter(later)
    assert later.__dict__["repeated"] == 79


def test_a_busy_machine_is_no_warning_of_a_library() -> None:
    """A step that took 0.1 s by the clock says nothing but that others had the processor; errors are written."""
    program = (
        "import logging; from streams.log import configure_log; configure_log('info', 'json')\n"
        "for name in ('mode.timers', 'kafka.net.selector'):\n"
        "    logging.getLogger(name).warning('ran for 0.241s'); logging.getLogger(name).error('crashed')"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    said = [json.loads(line) for line in ended.stderr.splitlines()]
    assert [(line["logger"], line["event"]) for line in said] == [
        ("mode.timers", "crashed"),
        ("kafka.net.selector", "crashed"),
    ]


LEFT = """
import asyncio, gc, logging, sys
from streams.log import configure_log
configure_log(sys.argv[1], "json")

async def fail():
    raise ConnectionError("the broker went")

async def leave():
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": "Unclosed AIOKafkaConnection", "conn": "<AIOKafkaConnection port=1>"})
    loop.create_task(fail())
    await asyncio.sleep(0)
    gc.collect()
    loop.create_task(asyncio.sleep(60))

loop = asyncio.new_event_loop()
loop.run_until_complete(leave())
gc.collect()
"""


def test_tasks_and_connections_that_a_process_leaves_at_its_end_are_no_news() -> None:
    """A demo ended with "Task was destroyed but it is pending!". What failed in a task is said, without its object."""

    def said(level: str) -> list[dict[str, str]]:
        done = subprocess.run(
            [sys.executable, "-c", LEFT, level], capture_output=True, text=True, check=True, timeout=HANG_S
        )
        return [line for line in map(json.loads, done.stderr.splitlines()) if line["logger"] == "asyncio"]

    (line,) = said("info")
    assert line["event"] == "something in the background failed, and nothing waited for it"
    assert "the broker went" in str(line["exception"])
    assert {"Unclosed AIOKafkaConnection", "Task was destroyed but it is pending!"} <= {
        one["event"].partition("\n")[0] for one in said("debug")
    }


def test_a_process_ends_with_its_own_status_although_its_log_is_full() -> None:
    """Without a flush of its own Python fails at its exit for what is still buffered, with status 120."""
    program = "import sys; from streams.log import configure_log; sys.stdout.write('x'); {}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    statuses = []
    for end in ("pass", "configure_log('info')"):
        with Path("/dev/full").open("wb") as full:
            command = [sys.executable, "-c", program.format(end)]
            statuses.append(subprocess.run(command, stdout=full, stderr=full, env=environment, check=False).returncode)

    assert statuses == [120, 0]
