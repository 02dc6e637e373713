"""What was done, by whom, and what came of it: entries in hash chains that only grow.

Every entry carries an HMAC over itself and the entry before it. The key is held outside the
database. 32 chains instead of one, so that writers do not queue behind each other.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils.translation import pgettext_lazy

CHAIN_COUNT: Final = 32
PLACES: Final = 1000  # the id of an entry is its sequence times this, plus its chain
GENESIS: Final = b"\x00" * 32
# Moments from the first until the last (exclusive) can be true; PostgreSQL knows others, such as
# infinity, that no datetime can hold.
FIRST_MOMENT: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MOMENT: Final = datetime(3000, 1, 1, tzinfo=UTC)
_MOST_BRACKETS: Final = 500  # in what one entry tells; so nothing is nested too deep to show
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
IS_CREDIBLE: Final = Q(at__gte=FIRST_MOMENT, at__lt=LAST_MOMENT)


class Result(models.TextChoices):
    """What came of the act."""

    SUCCEEDED = "succeeded", pgettext_lazy("result", "Succeeded")
    REFUSED = "refused", pgettext_lazy("result", "Refused")
    FAILED = "failed", pgettext_lazy("result", "Failed")


class ExactJsonField(models.JSONField):
    """JSON that the database keeps letter by letter: its text is part of the HMAC.

    Read as what it says; as its text when that is no JSON that could be shown or exported. Only
    somebody who goes behind the back of the portal writes such a thing.
    """

    def db_type(self, connection: Any) -> str:
        return "json"

    def select_format(self, compiler: Any, sql: str, params: Any) -> Any:
        return f"({sql})::text", params  # or the driver would read it, and give up on some

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if value is None or value.count("[") + value.count("{") > _MOST_BRACKETS:
            return value
        try:
            read = json.loads(value)
            _WRITER.encode(read).encode()
        except ValueError:
            return value
        return read


class AuditChain(models.Model):
    """The head of one chain. Locking this row is the last lock that a transaction takes."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    length = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=GENESIS)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(number__lt=CHAIN_COUNT), name="audit_chain_number_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"chain {self.number}"


class AuditEntry(models.Model):
    """One event. Holds ids of people and things, never names: those stand in erasable tables.

    The HMAC covers every column. ``id`` follows from ``chain`` and ``sequence``.
    """

    id = models.BigIntegerField(primary_key=True)
    chain = models.PositiveSmallIntegerField()
    sequence = models.BigIntegerField()
    format = models.PositiveSmallIntegerField()  # how the HMAC was made: portal/audit/macs.py
    at = models.DateTimeField()
    event = models.CharField(max_length=60)
    actor_id = models.BigIntegerField(null=True)  # a Person; NULL is the system itself
    # Where in the tree it happened; decides who may read. NULL is the installation as a whole.
    node_id = models.BigIntegerField(null=True)
    subject_type = models.CharField(max_length=40)
    subject_public_id = models.UUIDField()
    result = models.CharField(max_length=10, choices=Result)
    code = models.CharField(max_length=60, blank=True)  # why not, as DomainError.code
    channel = models.CharField(max_length=10, blank=True)  # where from, as portal.core.origin
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    # How long the chain before this one was, as far as this entry's transaction could see.
    beside = models.BigIntegerField(null=True)
    data = ExactJsonField(default=dict)
    previous_mac = models.BinaryField(max_length=32)
    mac = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(id=F("sequence") * PLACES + F("chain"), chain__lt=CHAIN_COUNT),
                name="audit_entry_id_is_its_place_in_the_chain",
            ),
            models.CheckConstraint(
                condition=Q(result__in=Result.values), name="audit_entry_result_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(result=Result.SUCCEEDED) | Q(code=""),
                name="audit_entry_of_success_has_no_refusal",
            ),
            models.CheckConstraint(condition=IS_CREDIBLE, name="audit_entry_moment_is_credible"),
        ]
        indexes = [
            models.Index(fields=["at", "id"], name="audit_entry_by_time"),
            models.Index(fields=["subject_public_id", "at"], name="audit_entry_by_subject"),
            models.Index(fields=["node_id", "at"], name="audit_entry_by_node"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.subject_type} {self.subject_public_id}"

    @property
    def place(self) -> str:
        """Chain and sequence, as in the address of its page: ``12-3045``."""
        return f"{self.chain}-{self.sequence}"


class _SignedRow(models.Model):
    """A row about the trail itself, with an HMAC over all its columns."""

    format = models.PositiveSmallIntegerField()
    mac = models.BinaryField(max_length=32)

    class Meta:
        abstract = True

    @property
    def public_id(self) -> UUID:
        """For an entry that is about this row; nobody can choose it."""
        return UUID(bytes=bytes(self.mac)[:16])


class AuditAnchor(_SignedRow):
    """The heads of all chains at one moment, signed. Copied outside, it fixes the past."""

    number = models.BigIntegerField(unique=True)
    at = models.DateTimeField(unique=True)
    heads = models.JSONField()  # {"<chain>": [length, "<mac in hex>"]}
    previous_mac = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=IS_CREDIBLE, name="audit_anchor_moment_is_credible"),
        ]

    def __str__(self) -> str:
        return f"anchor {self.number} of {self.at:%Y-%m-%d %H:%M}"


class AuditSeal(_SignedRow):
    """Where a chain begins since its oldest months were dropped, and from what it follows.

    ``number`` counts the seals of one chain, so that none can be missing before another.
    """

    chain = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    begins = models.BigIntegerField()  # sequence of the first entry that is kept
    at = models.DateTimeField()
    previous_mac = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "begins"], name="audit_seal_one_per_place_in_chain"
            ),
            models.UniqueConstraint(
                fields=["chain", "number"], name="audit_seal_one_per_number_in_chain"
            ),
            models.CheckConstraint(condition=IS_CREDIBLE, name="audit_seal_moment_is_credible"),
        ]

    def __str__(self) -> str:
        return f"number {self.number}: chain {self.chain} begins at {self.begins}"


class AuditVerification(_SignedRow):
    """What one reading of the whole trail found; ``at`` is when it began."""

    at = models.DateTimeField()
    seconds = models.PositiveIntegerField()
    entries = models.BigIntegerField()
    anchors = models.BigIntegerField()
    faults = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=IS_CREDIBLE, name="audit_verification_moment_is_credible"
            ),
        ]
        indexes = [models.Index(fields=["at"], name="audit_verification_by_time")]

    def __str__(self) -> str:
        return f"{self.faults} faults on {self.at:%Y-%m-%d %H:%M}"


class RefusalTally(models.Model):
    """How often something about one node was refused to one address within one minute.

    Lives until the clock has written what it holds into the trail.
    """

    public_id = models.UUIDField(default=uuid.uuid4, editable=False)
    event = models.CharField(max_length=60)
    address = models.CharField(max_length=45, blank=True)
    node_id = models.BigIntegerField(null=True)  # as in an entry
    minute = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "address", "event", "node_id"],
                name="refusals_are_counted_once",
                nulls_distinct=False,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} times {self.event}"
