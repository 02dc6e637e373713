"""Secrets that one person may read once: stored encrypted, gone when read or after a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from portal.cloud.crypto import decrypt, encrypt
from portal.cloud.models import Secret
from portal.core.errors import DomainError

KEPT_FOR: Final = timedelta(hours=24)


class SecretGone(DomainError):
    """It was read, it expired, or it is somebody else's: the answer does not tell which."""

    code = "secret_gone"
    http_status = 404
    message = _("This secret was shown already or has expired. Ask for a new one.")


class Reader(Protocol):
    """The person who may read it, by primary key."""

    @property
    def pk(self) -> int: ...


def store_secret(text: str, *, reader: Reader, about: UUID, slot: str, form: str) -> Secret:
    """Keep ``text`` for ``reader``. Belongs in the transaction that makes it worth reading.

    Args:
        about: public id of what it gives access to.
        slot: which of its secrets this is; an older one in the slot is forgotten.
        form: what the text is made of.
    """
    forget_secrets(about, slot=slot)
    secret = Secret(
        about=about, slot=slot, form=form, reader_id=reader.pk, expires_at=now() + KEPT_FOR
    )
    secret.key_version, secret.ciphertext = encrypt(text, bound_to=_place(secret))
    secret.save(force_insert=True)
    return secret


def waiting_secrets(about: UUID, *, reader: Reader) -> QuerySet[Secret]:
    """What this person may still read about it, without the text."""
    return (
        Secret.objects.filter(about=about, reader_id=reader.pk, expires_at__gt=now())
        .defer("ciphertext")
        .order_by("pk")
    )


def take_secret(about: UUID, slot: str, *, reader: Reader) -> tuple[Secret, str]:
    """Return the text and forget it: of two that ask at once, one gets it.

    Call inside a transaction, which also writes down that it was read.

    Raises:
        SecretGone: there is nothing (left) for this reader.
        Undecipherable: its key is no longer configured; it stays, so that the key may come back.
    """
    secret = (
        Secret.objects.select_for_update()
        .filter(about=about, slot=slot, reader_id=reader.pk, expires_at__gt=now())
        .first()
    )
    if secret is None:
        raise SecretGone()
    text = decrypt(secret.key_version, bytes(secret.ciphertext), bound_to=_place(secret))
    Secret.objects.filter(pk=secret.pk).delete()
    return secret, text


def forget_secrets(about: UUID, *, slot: str = "", reader: Reader | None = None) -> None:
    """Forget what nobody read of this slot, or of all: it gives no access any more.

    Args:
        reader: the only one whose secrets are forgotten.
    """
    secrets = Secret.objects.filter(about=about)
    if slot:
        secrets = secrets.filter(slot=slot)
    if reader:
        secrets = secrets.filter(reader_id=reader.pk)
    secrets.delete()


def delete_expired_secrets() -> int:
    """Forget what nobody read in time. Returns how many there were."""
    count, _by_model = Secret.objects.filter(expires_at__lte=now()).delete()
    return count


def _place(secret: Secret) -> bytes:
    """Ties the ciphertext to its row, reader and subject, so that none can be swapped."""
    return f"{secret.public_id}:{secret.reader_id}:{secret.about}:{secret.slot}".encode()
