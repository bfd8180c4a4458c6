"""The codes that nobody has, as features of the numbering plan read them: from a file of those that are assigned."""

from contextlib import ExitStack
from pathlib import Path

from detector.columns.arrays import Flags
from detector.columns.code_plan import NO_LIST, unassigned_blocks
from models.data.files import DAMAGED, open_packed
from streams.numbers.dno_text import DnoTextRefused, read_entries
from streams.numbers.unassigned import unassigned_of
from streams.running.progress import Say


def read_unassigned(path: Path | None, say: Say = lambda *_: None) -> Flags:
    """Read the file that `robocall dno import --assigned` takes, `.gz` and `.zst` too. It blocks for seconds.

    Args:
        path: Of the file; None: nobody said.
        say: Told how far it is.

    Raises:
        DnoTextRefused: A line is no entry, or the file is damaged.
        AssignmentsRefused: It names something else than codes and blocks, or too few.
        OSError: It cannot be read.
    """
    if path is None:
        return NO_LIST
    with ExitStack() as stack:
        try:
            entries = read_entries(open_packed(path, stack), str(path), say)
        except DAMAGED as error:
            raise DnoTextRefused(f"{path} is damaged or cut off") from error
    return unassigned_blocks(unassigned_of(entries))
