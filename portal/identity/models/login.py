"""Logins in browsers: which are alive, how they ended, and which logout orders were carried out."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel
from portal.identity.models.person import Identity, Person


class SessionEnd(models.TextChoices):
    """How a session ended; empty while it lives."""

    OWN = "own", _("Ended by yourself")
    OPERATOR = "operator", _("Ended by an operator")
    PROVIDER = "provider", _("Ended by the login service")
    BLOCKED = "blocked", _("The account was blocked")
    IDLE = "idle", _("Not used for too long")
    ABSOLUTE = "absolute", _("The time was up")
    REPLACED = "replaced", _("Logged in again")
    MOVED = "moved", _("Logged in for another organization")
    LINKED = "linked", _("The login belongs to somebody else now")
    REMOVED = "removed", _("The login service is no longer used here")


ENDED_BY_SOMEBODY: Final = (SessionEnd.OWN, SessionEnd.OPERATOR)


class LoginSession(PublicIdModel):
    """One login in one browser.

    ``session_key`` is that of ``django.contrib.sessions``, which has no row of ours to point at;
    it is forgotten when the session ends. An ended row stays for a while, so that people see
    their recent logins, and never comes back to life (a trigger).

    Attributes:
        sid: the provider's own name of the session, with which it may end it; may be empty.
        level: level of assurance of the login, as in ``Assurance``; 0 is none.
        agent, address: as in ``portal.core.origin.Origin``; empty when unknown.
        last_seen_at: when the person last did something, to the minute.
        expires_at: when the session ends, whatever the person does.
    """

    identity = models.ForeignKey(Identity, on_delete=models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=40, null=True)  # noqa: DJ001  NULLs may be many
    sid = models.CharField(max_length=255, blank=True)
    provider = models.CharField(max_length=40)
    level = models.PositiveSmallIntegerField()
    agent = models.CharField(max_length=200, blank=True)
    address = models.CharField(max_length=45, blank=True)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_how = models.CharField(max_length=20, blank=True, choices=SessionEnd)
    ended_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session_key"], name="login_session_one_per_browser"),
            models.CheckConstraint(
                condition=Q(ended_how__in=["", *SessionEnd.values]), name="login_session_end_known"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ended_how="", session_key__isnull=False)
                | (Q(ended_at__isnull=False, session_key=None) & ~Q(ended_how="")),
                name="login_session_has_a_key_until_it_ends",
            ),
            models.CheckConstraint(
                condition=~Q(ended_how__in=ENDED_BY_SOMEBODY) | Q(ended_by__isnull=False),
                name="login_session_ended_by_somebody_says_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="login_session_has_a_limit"
            ),
        ]
        indexes = [
            models.Index(fields=["ended_at"], name="login_session_by_end"),
            models.Index(fields=["identity", "created_at"], name="login_session_by_identity"),
        ]

    def __str__(self) -> str:
        return f"session of {self.identity_id}"


class UsedLogoutToken(models.Model):
    """A logout token that was carried out, kept so that it works only once, and on every session.

    A login that was on its way when the order came opens no session any more.

    Attributes:
        subject, sid: whose sessions it ended, or which one; at most one is empty.
        issued_at: by the provider's clock. What it issued later is a new login.
        expires_at: until when it is kept: the token has expired then, and so has every ID token
            that is as old.
    """

    issuer = models.URLField(max_length=300)
    token_id = models.CharField(max_length=255)
    subject = models.CharField(max_length=255, blank=True)
    sid = models.CharField(max_length=255, blank=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issuer", "token_id"], name="logout_token_used_once"),
            models.CheckConstraint(
                condition=~Q(subject="", sid=""), name="logout_token_names_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.token_id} of {self.issuer}"
