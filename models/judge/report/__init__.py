"""The report of a model: its figures as JSON, one HTML page, and the tables of `docs/quality.md`."""
