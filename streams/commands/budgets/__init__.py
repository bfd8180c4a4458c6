"""`robocall budgets`: measure at which scores the budgets of the model's step are spent, and say what is in force."""
