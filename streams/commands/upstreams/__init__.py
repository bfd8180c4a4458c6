"""Commands about who stands behind trunk groups."""
