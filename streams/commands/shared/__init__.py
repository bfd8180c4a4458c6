"""What several commands have in common: options, stores, and what they refuse. No command stands here."""
