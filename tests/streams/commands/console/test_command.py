"""`robocall console user` needs nothing of what serves pages: it is there at once, as often as somebody types it."""

import subprocess
import sys

HEAVY = ("starlette", "pyarrow", "sklearn", "numba", "aiokafka")
LOOKED_FOR = f"""
import sys
from streams.commands.main import robocall
robocall(["console", "user", "list", "--help"], standalone_mode=False)
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_users_come_and_go_without_what_serves_pages() -> None:
    done = subprocess.run([sys.executable, "-c", LOOKED_FOR], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
