"""Which browser sessions a provider may end, and which of its orders were carried out."""

from __future__ import annotations

from django.db import models

from portal.identity.models.person import Identity


class LoginSession(models.Model):
    """One login in one browser; lets the identity provider end it (back-channel logout).

    ``session_key`` is that of ``django.contrib.sessions``, which has no row of ours to point at.
    """

    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=40)
    sid = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session_key"], name="login_session_one_per_browser"),
        ]
        indexes = [models.Index(fields=["created_at"], name="login_session_by_age")]

    def __str__(self) -> str:
        return f"session of {self.identity_id}"


class UsedLogoutToken(models.Model):
    """A logout token that was carried out, kept until it expires so that it works only once."""

    issuer = models.URLField(max_length=300)
    token_id = models.CharField(max_length=255)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "token_id"], name="logout_token_used_once"),
        ]

    def __str__(self) -> str:
        return f"{self.token_id} of {self.issuer}"
