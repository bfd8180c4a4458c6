"""Write streams/local/kafka_jars.json: the jars of the local Apache Kafka, with their digests.

Run it to move to another Kafka: `pip install jgo && python deploy/kafka_lock.py 4.3.1`. The versions are resolved here,
once, and never on a user's machine, so that everybody runs the same bytes and nothing runs that was not pinned.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver
from jgo.parse import Endpoint

LOCK = Path(__file__).parents[1] / "streams" / "local" / "kafka_jars.json"
SLF4J_SIMPLE = "org.slf4j:slf4j-simple:1.7.36"  # prints Kafka's log; Kafka itself brings only the interface


def lock(kafka_version: str) -> dict[str, object]:
    """Resolve Kafka and everything it needs at run time; return the content of the lock file."""
    with tempfile.TemporaryDirectory() as cache:
        context = MavenContext(repo_cache=Path(cache), resolver=PythonResolver())
        endpoint = Endpoint.parse(f"org.apache.kafka:kafka_2.13:{kafka_version}+{SLF4J_SIMPLE}")
        wanted = [
            context.create_dependency(replace(coordinate, scope="compile")) for coordinate in endpoint.coordinates
        ]
        resolved, transitive = context.resolver.resolve(wanted)
        needed = [*resolved, *(one for one in transitive if one.scope in ("compile", "runtime"))]
        jars = {}
        for dependency in needed:
            path = dependency.artifact.resolve()
            content = path.read_bytes()
            jars[str(path.relative_to(cache))] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return {"kafka": kafka_version, "jars": dict(sorted(jars.items()))}


if __name__ == "__main__":
    LOCK.write_text(json.dumps(lock(sys.argv[1]), indent=1) + "\n", encoding="utf-8")
