"""Services in one process: start, end, threads, slices of time, internal errors."""
