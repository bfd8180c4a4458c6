"""The limit on open files is raised as far as it may be, and never lowered."""

import resource
import subprocess
import sys

import pytest

from streams.running.open_files import allow_open_files

CODE = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from streams.running.open_files import allow_open_files
print(allow_open_files(512), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "found"),
    [(200, 1_000, "512 512 1000"), (200, 300, "300 300 300"), (600, 1_000, "600 600 1000"), (512, 512, "512 512 512")],
)
def test_the_limit_is_raised_as_far_as_it_may_be(soft: int, hard: int, found: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(soft=soft, hard=hard)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == found


def test_without_a_limit_there_is_nothing_to_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    free = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (free, free))
    assert allow_open_files(512) == 512

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, free))
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: told.append(limits))
    assert (allow_open_files(512), told) == (512, [(512, free)])
