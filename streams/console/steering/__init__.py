"""Pages of who steers: the model and the policy, and the commands that change them, each in a process of its own."""
