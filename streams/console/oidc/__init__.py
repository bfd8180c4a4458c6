"""Signing in by a provider of OpenID Connect: authorization code with PKCE. It needs the extra `oidc`."""
