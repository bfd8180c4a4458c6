"""Numbers that never place calls: tables that say so of a whole batch. Pure; where they come from is no matter."""
