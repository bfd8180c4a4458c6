"""The bridge: what any switch can ask, in front of the same topics. It knows no model and no policy."""
