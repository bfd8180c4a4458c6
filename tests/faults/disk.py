"""A small disk of its own for the snapshots, which a test fills or turns read-only under the workers."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.waiting import wait_until

SIZE = "24m"
BLOCK = b"\0" * (64 * 1024)


class SmallDisk:
    """A tmpfs mounted on a folder; needs root, as mounting does.

    Args:
        folder: is made.
    """

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("a disk that can be filled is mounted for this test, which needs root")
        folder.mkdir(parents=True)
        self._folder = folder
        self._filler = folder / "filler"
        self._mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs")

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments, str(self._folder)], check=True)

    def fill(self) -> None:
        """Use up every byte."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(BLOCK)
            except OSError:
                return

    def free(self) -> None:
        """Give it back."""
        self._filler.unlink()

    def read_only(self) -> None:
        """Refuse every write from now on; waits until nobody is in the middle of one."""

        def is_refused() -> bool:
            command = ["mount", "-o", "remount,ro", str(self._folder)]
            return subprocess.run(command, check=False, capture_output=True).returncode == 0

        wait_until(is_refused, f"{self._folder} can be turned read-only")

    def writable(self) -> None:
        """Take writes again."""
        self._mount("-o", "remount,rw")

    def close(self) -> None:
        """Unmount it."""
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
