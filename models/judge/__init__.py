"""How good a model is: evaluation, the gate before a promotion, plots and the report."""
