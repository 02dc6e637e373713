"""What was done, by whom: entries in hash chains that only grow.

Every entry carries an HMAC over itself and the entry before it. The key is held outside the
database. 32 chains instead of one, so that writers do not queue behind each other.
"""

from __future__ import annotations

from typing import Final

from django.db import models

CHAIN_COUNT: Final = 32
GENESIS: Final = b"\x00" * 32


class AuditChain(models.Model):
    """The head of one chain. Locking this row is the last lock that a transaction takes."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    length = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=GENESIS)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(number__lt=CHAIN_COUNT), name="audit_chain_number_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"chain {self.number}"


class AuditEntry(models.Model):
    """One event. Holds ids of people and things, never names: those stand in erasable tables."""

    chain = models.ForeignKey(AuditChain, on_delete=models.PROTECT, related_name="entries")
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    event = models.CharField(max_length=60)
    actor_id = models.BigIntegerField(null=True)  # a Person; NULL is the system itself
    node_id = models.BigIntegerField(
        null=True
    )  # where in the tree it happened; decides who may read
    subject_type = models.CharField(max_length=40)
    subject_public_id = models.UUIDField()
    data = models.JSONField(default=dict)
    previous_mac = models.BinaryField(max_length=32)
    mac = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "sequence"], name="audit_entry_one_per_place_in_chain"
            ),
        ]
        indexes = [
            models.Index(fields=["subject_public_id", "at"], name="audit_entry_by_subject"),
            models.Index(fields=["node_id", "at"], name="audit_entry_by_node"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject_type} {self.subject_public_id}"


class AuditAnchor(models.Model):
    """The heads of all chains at one moment, signed. Copied outside, it fixes the past."""

    at = models.DateTimeField(unique=True)
    heads = models.JSONField()  # {"<chain>": [length, "<mac in hex>"]}
    mac = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"anchor of {self.at:%Y-%m-%d %H:%M}"
