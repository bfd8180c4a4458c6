"""What every figure names: machine, commit, versions, model and command."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from models.serve.artifact import SHIPPED
from models.serve.manifest import MANIFEST

PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "numpy", "numba", "scikit-learn", "msgspec")


def describe() -> dict[str, Any]:
    """Machine, commit, versions, shipped model and command of this run."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "model": json.loads((SHIPPED / MANIFEST).read_text())["version"],
        "command": " ".join(["python", "-m", _module(), *sys.argv[1:]]),
    }


def give(result: dict[str, Any], out: Path | None) -> None:
    """Print a result, and write it to a file where one is named."""
    text = json.dumps(result, indent=1)
    print(text)
    if out:
        out.write_text(text)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    )
    return done.stdout.strip() or "unknown"


def _module() -> str:
    spec = sys.modules["__main__"].__spec__
    return spec.name.removesuffix(".__main__") if spec else Path(sys.argv[0]).stem
