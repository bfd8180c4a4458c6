"""How functions are compiled and kept: all that needs numba, which takes a second to import.

`detector.columns.compiled` imports this package alone, and its modules when something is compiled.
"""

import time

LOADED_NS = time.time_ns()
"""Sources that were changed later may be others than this process has loaded."""
