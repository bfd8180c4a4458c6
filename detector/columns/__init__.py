"""A batch as columns: texts as spans, keys as integers, membership and decision ids of all calls at once. Compiled."""
