"""What the scorecards of a day need in a large archive."""
