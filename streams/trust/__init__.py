"""Certificates and time: what verifying needs of the network, fetched within bounds, kept, and its age told."""
