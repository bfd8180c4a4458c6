"""What several commands have in common: options, stores of the settings, what is refused. No command is here."""
