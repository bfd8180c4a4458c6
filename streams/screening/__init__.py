"""From record bytes to decision bytes: the path that the worker, the replay and the demo share."""
