"""The parts of a worker by what they are for, each group made in one step, for `streams.worker.assembly` alone."""
