"""The one table with secrets: encrypted, and gone on reading or after a day."""

from __future__ import annotations

from django.db import models

from portal.core.models import PublicIdModel


class Secret(PublicIdModel):
    """A value shown to one person once. ``key_version`` says which key encrypted it."""

    key_version = models.PositiveSmallIntegerField()
    ciphertext = models.BinaryField()
    reader_id = models.BigIntegerField()  # the Person who may read it, once
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"secret {self.public_id}"
