"""The one table with secrets: encrypted, and gone on reading or after a day."""

from __future__ import annotations

from django.db import models

from portal.core.models import PublicIdModel


class Secret(PublicIdModel):
    """A value shown to one person once. ``key_version`` says which key encrypted it.

    ``about`` is the public id of what it gives access to; ``slot`` tells its secrets apart. A new
    one takes the place of an older one in the same slot, which works no longer. ``form`` says what
    the text is made of.
    """

    about = models.UUIDField()
    slot = models.CharField(max_length=60)
    form = models.CharField(max_length=40)
    key_version = models.PositiveSmallIntegerField()
    ciphertext = models.BinaryField()
    reader_id = models.BigIntegerField()  # the Person who may read it, once
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["about", "slot"], name="secret_one_in_a_slot"),
        ]

    def __str__(self) -> str:
        return f"secret {self.public_id}"
