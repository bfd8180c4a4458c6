"""Where no calls are traced nothing of it is imported; where they are, what is missing is said in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streams.errors import SettingsInvalid
from streams.settings import load_settings
from streams.tracing.making import make_tracer

ROOT = Path(__file__).parents[3]
OURS = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf")
"""What only we import of it. redis-py imports the SDK's part for metrics wherever that is installed."""
PROGRAM = """
import json, sys

blocked = sys.argv[1]

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if blocked and name.partition(".")[0] == blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import streams.commands.bridge, streams.commands.worker
from streams.errors import SettingsInvalid
from streams.settings import load_settings
from streams.tracing.making import make_tracer
try:
    said = str(make_tracer(load_settings(), "it"))
except SettingsInvalid as error:
    said = str(error)
print(json.dumps([said, sorted(sys.modules)]))
"""


def made(blocked: str = "", **environment: str) -> tuple[str, list[str]]:
    """What a process says that has all modules of worker and bridge, and which modules it has at the end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, blocked],
        env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, modules = json.loads(done.stdout)
    return said, [name for name in modules if name.startswith(OURS)]


def test_where_no_calls_are_traced_nothing_is_imported() -> None:
    """Not by the worker, nor by the bridge, whatever else OpenTelemetry is told; where they are, it is."""
    otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_SAMPLER": "always_on"}
    traced = {"ROBOCALL_TRACES_SAMPLE_RATIO": "0.5", "ROBOCALL_LOG_KEY": "k"}

    assert made(**otel) == ("None", [])
    assert "opentelemetry.sdk.trace" in made(**traced)[1]


def test_without_the_extra_its_name_is_said() -> None:
    """And without any of it all else runs."""
    said, modules = made("opentelemetry", ROBOCALL_TRACES_SAMPLE_RATIO="0.5", ROBOCALL_LOG_KEY="k")

    assert "pip install '.[traces]' in the checkout" in said
    assert modules == []
    assert made("opentelemetry") == ("None", [])


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ROBOCALL_TRACES_SAMPLE_RATIO": "0.1"}, "needs ROBOCALL_LOG_KEY"),
        ({"ROBOCALL_TRACES_SAMPLE_RATIO": "1.5"}, "ROBOCALL_TRACES_SAMPLE_RATIO"),
        ({"ROBOCALL_TRACES_RATIO": "0.1"}, "ROBOCALL_TRACES_RATIO: no such setting"),
        ({"ROBOCALL_TRACES_SAMPLE_RATIO": "1", "ROBOCALL_LOG_KEY": "k", "OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OTEL_"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is started."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsInvalid, match=said) as refused:
        make_tracer(load_settings(), "it")

    assert "\n" not in str(refused.value)
