"""Whether a switch of the model loses or delays calls."""
