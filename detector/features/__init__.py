"""The feature table: constants of the windows, kinds of features, the table itself, and a check that it is covered."""
