"""Secrets that one person may read once: stored encrypted, gone when read or after a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

from django.db import transaction
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


def store_secret(text: str, *, reader: Reader) -> Secret:
    """Keep ``text`` for ``reader``. Belongs in the transaction that makes it worth reading."""
    secret = Secret(reader_id=reader.pk, expires_at=now() + KEPT_FOR)
    secret.key_version, secret.ciphertext = encrypt(text, bound_to=_place(secret))
    secret.save(force_insert=True)
    return secret


@transaction.atomic(durable=True)
def read_secret_once(public_id: UUID, *, reader: Reader) -> str:
    """Return the text and forget it: of two that ask at once, one gets it.

    Raises:
        SecretGone: there is nothing (left) for this reader.
        Undecipherable: its key is no longer configured; it stays, so that the key may come back.
    """
    secret = (
        Secret.objects.select_for_update()
        .filter(public_id=public_id, reader_id=reader.pk, expires_at__gt=now())
        .first()
    )
    if secret is None:
        raise SecretGone()
    text = decrypt(secret.key_version, bytes(secret.ciphertext), bound_to=_place(secret))
    secret.delete()
    return text


def delete_expired_secrets() -> int:
    """Forget what nobody read in time. Returns how many there were."""
    count, _by_model = Secret.objects.filter(expires_at__lte=now()).delete()
    return count


def _place(secret: Secret) -> bytes:
    """Ties the ciphertext to its row and reader, so that neither can be swapped in the table."""
    return f"{secret.public_id}:{secret.reader_id}".encode()
