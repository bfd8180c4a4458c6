"""From feature rows to outcomes: the steps of the policy in order, lists, standing decisions, reasons."""
