"""Cases: what people did, in an append-only topic compacted by case; their retention, legal hold and roles."""
