"""Passive copies of SIP by HEP3: what a Kamailio, a heplify or an SBC mirrors, into set-ups and ends of calls."""
