"""The job on the parts that the worker is made of; see README.md."""
