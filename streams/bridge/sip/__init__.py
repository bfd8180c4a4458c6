"""The SIP dip: a redirect server that answers an INVITE by what the detector decided."""
