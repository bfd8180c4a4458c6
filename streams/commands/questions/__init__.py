"""Questions about calls, for a person: their texts, the table that is filled in, and the answers in it."""
