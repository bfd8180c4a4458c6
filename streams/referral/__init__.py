"""Referrals: one campaign as a package for an authority, with digests, a signature, and decisions to derive again."""
