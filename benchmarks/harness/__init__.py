"""What benchmarks are run with: machine, turns, calls, commits, a worker, and loops to compare it with."""
