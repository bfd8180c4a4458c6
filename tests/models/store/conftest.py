"""What tests of storage and of what is kept in it share: places that are empty."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.s3_server import s3_server


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """URL of a bucket of a real S3 server."""
    with s3_server("things") as url:
        yield url


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty registry of either kind."""
    if request.param == "folder":
        return str(tmp_path / "registry")
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}"
