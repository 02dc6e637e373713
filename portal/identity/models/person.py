"""People, and the identities with which they log in."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from portal.core.models import PublicIdModel


class PersonManager(BaseUserManager["Person"]):
    pass


class Person(PublicIdModel, AbstractBaseUser):
    """Somebody who works with the portal. Name and e-mail may be erased; the row stays.

    There are no passwords: an identity provider says who somebody is.
    """

    password = None  # type: ignore[assignment]
    name = models.CharField(max_length=150)
    email = models.EmailField(blank=True)
    language = models.CharField(max_length=2, default="nl")
    is_active = models.BooleanField(default=True)
    ended_at = models.DateTimeField(null=True)  # left; came back: NULL again
    absent_since = models.DateTimeField(null=True)  # marked so by the clock, until the next login
    # The person whom this one turned out to be: the logins are theirs now (migration 0014). What
    # was done before stays of this one, and four eyes take both for one human.
    joined_into = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="joined"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # Raised to end every session of this person at once.
    session_epoch = models.PositiveIntegerField(default=0)

    objects = PersonManager()

    USERNAME_FIELD = "public_id"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(is_active=False),
                name="person_who_left_is_not_active",
            ),
            models.CheckConstraint(
                condition=Q(joined_into=None)
                | (Q(is_active=False, ended_at__isnull=False) & ~Q(joined_into=F("id"))),
                name="person_joined_into_another_has_ended",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_session_auth_hash(self) -> str:
        value = f"{self.public_id}:{self.session_epoch}"
        return salted_hmac("cloudloket.session", value, algorithm="sha256").hexdigest()

    def get_session_auth_fallback_hash(self) -> list[str]:
        return []  # no keys are rotated underneath a session: a new secret key ends all of them


class Identity(models.Model):
    """How an identity provider knows a person. The key is issuer and subject, never the e-mail.

    Triggers keep it with its person, and a second one from being made, but for a ``LinkProposal``
    that was granted. ``node`` is what the last login was for: where the person belongs, with or
    without a role. NULL for emergency access, and when nobody wrote it down.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="identities")
    issuer = models.URLField(max_length=300)
    subject = models.CharField(max_length=255)
    last_login_at = models.DateTimeField(null=True)
    # What its last login said; that of the person is of the last one at any provider.
    email = models.EmailField(blank=True)
    node = models.ForeignKey(
        "identity.Node", null=True, on_delete=models.PROTECT, related_name="identities"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["issuer", "subject"], name="identity_belongs_to_one_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
