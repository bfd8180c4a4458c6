"""Who stands behind each trunk group: one file of ours, and the database of the FCC that it is held against."""
