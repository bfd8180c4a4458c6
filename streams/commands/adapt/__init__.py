"""`robocall adapt`: learn on the carrier's own traffic; the base model stays where that is not shown to be better."""
