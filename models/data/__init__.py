"""Labelled calls: from files, or from generated traffic through the windows that serve."""
