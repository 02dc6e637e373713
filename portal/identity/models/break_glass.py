"""Emergency access: the one-time passwords that were issued, and who tried one."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel

PASSWORD_TERM: Final = timedelta(minutes=15)


class PasswordOutcome(models.TextChoices):
    """What became of a password; empty while it is open."""

    USED = "used", _("Used")
    EXPIRED = "expired", _("Expired")
    REPLACED = "replaced", _("Replaced by a newer one")


class BreakGlassPassword(PublicIdModel):
    """A one-time password for emergency access. A closed one never changes (a trigger).

    Attributes:
        secret_hash: salted and slow; forgotten when the password closes.
        reason, issued_by: as typed on the server; may name people, so never in the audit trail.
        issued_at, expires_at: at most ``PASSWORD_TERM`` apart.
    """

    secret_hash = models.CharField(max_length=255, blank=True)
    reason = models.CharField(max_length=300)
    issued_by = models.CharField(max_length=150)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, blank=True, choices=PasswordOutcome)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["closed_at"],
                condition=Q(closed_at=None),
                nulls_distinct=False,
                name="break_glass_one_open_password",
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["", *PasswordOutcome.values]),
                name="break_glass_outcome_known",
            ),
            models.CheckConstraint(
                condition=(Q(closed_at=None, outcome="") & ~Q(secret_hash=""))
                | (Q(closed_at__isnull=False, secret_hash="") & ~Q(outcome="")),
                name="break_glass_secret_kept_while_open_only",
            ),
            models.CheckConstraint(
                condition=Q(
                    expires_at__gt=F("issued_at"), expires_at__lte=F("issued_at") + PASSWORD_TERM
                ),
                name="break_glass_password_is_short_lived",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(issued_by=""), name="break_glass_says_why_and_by_whom"
            ),
        ]

    def __str__(self) -> str:
        return f"emergency password of {self.issued_at:%Y-%m-%d %H:%M}"


class BreakGlassAttempt(PublicIdModel):
    """Somebody tried an emergency password; counted before it is judged."""

    address = models.CharField(max_length=45, blank=True)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["at"], name="break_glass_attempt_by_time")]

    def __str__(self) -> str:
        return f"attempt of {self.at:%Y-%m-%d %H:%M}"
