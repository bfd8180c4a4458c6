"""Logging: structured lines on standard error, JSON for machines, coloured text on a terminal. Never a phone number.

A number or address of a person is written as a keyed digest (`NumberDigest`): under one key the same number gives the
same digest, so that lines can be joined, and nobody without the key can try all numbers.

A line that cannot be written, because the disk is full or nobody reads the pipe any more, is dropped and counted: the
log never keeps a call from being decided.
"""

import atexit
import contextlib
import hashlib
import logging
import os
import secrets
import sys
import time
from typing import Literal, TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

DIGEST_BYTES = 8

REPEAT_S = 10.0
MAX_TEMPLATES = 1_000

_QUIET_LIBRARIES = ("faust", "mode", "aiokafka", "aiohttp", "kafka", "asyncio", "numba")

_TIMERS = ("mode.timers", "kafka.net.selector")
"""Warn of a commit that takes longer than its interval, and of a step that takes 0.1 s by the clock, as on any loaded
machine; health and lag say what matters. Their errors are written."""

_LEFT = ("Task was destroyed but it is pending", "Unclosed ")
_UNHEARD = ("Task exception was never retrieved", "Future exception was never retrieved")
_NOBODY_WAITED = "something in the background failed, and nothing waited for it"


class NumberDigest:
    """Turns numbers into digests of 16 hex digits.

    Args:
        key: secret, any length up to 64 bytes counts; None makes a random one, so digests then end with the process.
    """

    __slots__ = ("_key",)

    def __init__(self, key: str | None = None) -> None:
        text = secrets.token_bytes(32) if key is None else key.encode()
        self._key = hashlib.blake2b(text, digest_size=32).digest()

    def __call__(self, number: str) -> str:
        """Digest of a number."""
        data = number.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, key=self._key, digest_size=DIGEST_BYTES).hexdigest()


class Lines(logging.StreamHandler[TextIO]):
    """Writes lines, and drops what cannot be written.

    Attributes:
        lost: lines dropped so far.
    """

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__(stream)
        self.lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Count a lost line. When it is the line that is broken, say so, without what it would have said."""
        self.lost += 1
        error = sys.exc_info()[1]
        if self.stream is None or isinstance(error, OSError):
            return
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f"a log line of {record.name} could not be made ({type(error).__name__})\n")


def _let_go() -> None:
    """Give up what the standard streams could not write: Python tries again at its exit, and makes status 120 of it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


class Seldom(logging.Filter):
    """Lets a line of a library through once in `REPEAT_S`, with the number `repeated` of those like it before it.

    Without its broker aiokafka says 80 times a second that it is not there.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the line."""
        if not record.name.startswith(_QUIET_LIBRARIES):
            return True
        key, now = (record.name, str(record.msg)), time.monotonic()
        since, repeated = self._seen.get(key, (-REPEAT_S, 0))
        if now - since < REPEAT_S:
            self._seen[key] = (since, repeated + 1)
            return False
        if len(self._seen) >= MAX_TEMPLATES:  # texts without placeholders
            self._seen.clear()
        self._seen[key] = (now, 0)
        if repeated:
            record.repeated = repeated
        return True


def says_something(record: logging.LogRecord) -> bool:
    """Filter of lines of asyncio: what nobody can do anything about is left out, other lines lose names of objects.

    As a process ends a task or a connection may be left, which goes with it. A task that failed keeps its traceback.
    """
    if record.name != "asyncio":
        return True
    text = record.getMessage().partition("\n")[0]
    record.msg, record.args = (_NOBODY_WAITED if text.startswith(_UNHEARD) else text), ()
    return not text.startswith(_LEFT)


def configure_log(level: str, style: Literal["auto", "json", "console"] = "auto") -> None:
    """Send the log of the whole process to standard error.

    Args:
        level: `debug`, `info`, `warning` or `error`; libraries below us are kept at `warning` unless it is `debug`.
        style: `auto` writes text when standard error is a terminal and JSON otherwise.
    """
    atexit.register(_let_go)
    # Tracebacks are written without the values of variables: those are call events, with phone numbers in them.
    is_console = style == "console" or (style == "auto" and sys.stderr is not None and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if is_console
        else [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
    )
    handler = Lines(sys.stderr)
    if level != "debug":
        handler.addFilter(says_something)
        handler.addFilter(Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for names, least in ((_QUIET_LIBRARIES, logging.WARNING), (_TIMERS, logging.ERROR)):
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else least)
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
