"""From a bad call to its source: finding a call that others ask about, the rule's clock, and the path to its entry."""
