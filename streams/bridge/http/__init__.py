"""Calls asked about over HTTP: `POST /v1/calls`, the verification API of ATIS-1000082, and call detail records."""
