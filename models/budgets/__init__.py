"""At which margin a budget is spent, measured on calls that are lawful for reasons outside of the score."""
