"""What is kept beside the windows: rows of margins, of days and of signatures, on their way from engine to engine."""

from detector.windows.memories.kept import NOTHING_KEPT, Kept, check_rows, of_use

__all__ = ["NOTHING_KEPT", "Kept", "check_rows", "of_use"]
