"""What the tests of judging share: thresholds of their own. The defaults follow the shipped model and may move."""

from dataclasses import replace

from detector.policy.settings import DEFAULT_CATEGORIES, Thresholds

THRESHOLDS = Thresholds(label_at=0.85, label_clear=0.75, block_at=0.98, block_clear=0.95)
CATEGORIES = (replace(DEFAULT_CATEGORIES[0], thresholds=THRESHOLDS),)
SCORE = "number_asr_24h"
"""Feature whose value the test classifier answers as the score."""
