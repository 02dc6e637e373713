"""Logging in with OpenID Connect: mozilla-django-oidc for the flow, our own checks of its yield."""
