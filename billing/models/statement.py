"""Months that are closed, and the statements that then never change again."""

from __future__ import annotations

from datetime import date
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.dateformat import format as format_date
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from billing.models.price import PriceUnit
from portal.core.calendar import Period, month
from portal.core.formats import quantity
from portal.core.models import PublicIdModel

REASON_LENGTH: Final = 300  # characters


class MonthState(models.TextChoices):
    OPEN = "open", _("Open")
    CLOSING = "closing", _("Being closed")
    CLOSED = "closed", _("Closed")


class BillingMonth(PublicIdModel):
    """A business month in the books. One person begins to close it, another closes it.

    A month that nobody began to close yet may have no row. Triggers see to it that months close in
    order, only when statements, lines and documents agree, and that nothing of a closed month ever
    changes.
    """

    first_day = models.DateField(unique=True)
    state = models.CharField(max_length=8, choices=MonthState, default=MonthState.OPEN)
    closing_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    closing_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(first_day__day=1), name="billing_month_begins_on_its_first_day"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closing_by=None, closing_at=None)
                | Q(
                    state__in=["closing", "closed"],
                    closing_by__isnull=False,
                    closing_at__isnull=False,
                ),
                name="billing_month_closing_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "closing"], closed_by=None, closed_at=None)
                | Q(state="closed", closed_by__isnull=False, closed_at__isnull=False),
                name="billing_month_closed_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(closed_by=None) | ~Q(closed_by=F("closing_by")),
                name="billing_month_closed_by_another_person",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """As in an address: ``2026-11``."""
        return self.first_day.strftime("%Y-%m")

    @property
    def period(self) -> Period:
        return month_on(self.first_day)


def month_on(first_day: date) -> Period:
    """The business month that begins on this day."""
    return month(first_day.year, first_day.month)


class Statement(PublicIdModel):
    """What one organization pays for one month (afschrift).

    Attributes:
        year, sequence: the number. Without gaps within the business year of the month.
        parties: names and numbers as they were: of who pays, of who issues it.
        content_sha256: of all that it says, see ``billing.services.digests``; empty of what was
            closed before that was kept.
        document: the PDF, made once, served as it is; empty until a worker made it.
    """

    month = models.ForeignKey(BillingMonth, on_delete=models.PROTECT, related_name="statements")
    organization = models.ForeignKey(
        "identity.Organization", on_delete=models.PROTECT, related_name="statements"
    )
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveIntegerField()
    issued_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=26, decimal_places=2)  # without VAT
    parties = models.JSONField(default=dict)
    content_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    document = models.BinaryField(default=b"")
    document_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["year", "sequence"], name="statement_number_is_given_once"
            ),
            models.UniqueConstraint(
                fields=["month", "organization"], name="statement_one_per_month_and_organization"
            ),
            models.CheckConstraint(condition=Q(sequence__gt=0), name="statement_counts_from_one"),
        ]
        indexes = [
            models.Index(
                fields=["year", "sequence"],
                condition=Q(document_sha256=""),
                name="statement_without_document",
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """As people write it: ``2026-000123``."""
        return f"{self.year}-{self.sequence:06}"


class LineKind(models.TextChoices):
    USAGE = "usage", _("Use")
    CORRECTION = "correction", _("Correction")
    CREDIT = "credit", _("Credit")
    SET_OFF = "set_off", _("Set-off")
    SHARED_OUT = "shared_out", _("Borne by others")
    SHARED_IN = "shared_in", _("Share of others' costs")


# What others bear of a project's costs, and what it bears of theirs: together nothing.
SHARES: Final = (LineKind.SHARED_OUT, LineKind.SHARED_IN)


class StatementLine(PublicIdModel):
    """One project's use at one price and allocation, or what is put right of an earlier month.

    Or what others bear of the costs of a project, or it bears of theirs: by a key, without a price.

    Attributes:
        used_in: the month of the use; of a correction or credit an earlier one.
        unit, unit_price: of the price, repeated, for a statement is read without any other table.
        from_quantity: of the tier of that price, whose amount then is the unit price.
        quantity: in that unit.
        exact: the sum of what is behind it, six decimals; ``amount`` is that in whole cents.
        corrects: the line that is put right; a correction of what was not on any has none.
        names: project and SKU as they were called, and what FOCUS counted the SKU among, so that it
            can be printed in ten years.
        cost_center, cost_object, commitment_number: what it falls under; None where nobody said.
        split_key: by which costs are shared; of all other lines None.
    """

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=LineKind)
    used_in = models.ForeignKey(BillingMonth, on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    sku = models.ForeignKey("billing.Sku", on_delete=models.PROTECT, related_name="+")
    price = models.ForeignKey(
        "billing.Price", null=True, on_delete=models.PROTECT, related_name="+"
    )
    unit = models.CharField(max_length=12, choices=PriceUnit, blank=True)
    unit_price = models.DecimalField(max_digits=18, decimal_places=6)
    from_quantity = models.DecimalField(max_digits=18, decimal_places=6, default=0, db_default=0)
    quantity = models.DecimalField(max_digits=36, decimal_places=12)
    exact = models.DecimalField(max_digits=30, decimal_places=6)
    amount = models.DecimalField(max_digits=26, decimal_places=2)
    corrects = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="corrected_by"
    )
    reason = models.CharField(max_length=REASON_LENGTH, blank=True)
    names = models.JSONField(default=dict)
    cost_center = models.CharField(max_length=40, null=True)  # noqa: DJ001 (as in ``CostLine``)
    cost_object = models.CharField(max_length=40, null=True)  # noqa: DJ001
    commitment_number = models.CharField(max_length=40, null=True)  # noqa: DJ001
    split_key = models.ForeignKey(
        "billing.SplitKey", null=True, on_delete=models.PROTECT, related_name="lines"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["statement", "position"], name="statement_line_has_its_own_position"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=LineKind.values), name="statement_line_kind_known"
            ),
            models.CheckConstraint(
                condition=~Q(kind="usage") | Q(corrects=None),
                name="statement_line_of_use_corrects_nothing",
            ),
            models.CheckConstraint(
                condition=~Q(kind="credit")
                | (Q(corrects__isnull=False, amount__lt=0) & ~Q(reason="")),
                name="statement_line_of_credit_says_of_what_and_why",
            ),
            models.CheckConstraint(
                condition=~Q(kind="set_off") | Q(corrects__isnull=False, quantity=0),
                name="statement_line_of_set_off_says_of_what",
            ),
            models.CheckConstraint(
                condition=Q(
                    *(("kind__in", SHARES), ("split_key__isnull", False), ("price", None)),
                    *(("unit", ""), ("unit_price", 0), ("quantity", 0), ("corrects", None)),
                    exact=F("amount"),
                )
                | Q(~Q(kind__in=SHARES), split_key=None, price__isnull=False),
                name="statement_line_has_a_price_or_is_a_share",
            ),
        ]
        indexes = [
            models.Index(fields=["used_in", "project", "sku"], name="statement_line_by_use"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} on {self.statement_id}"

    @property
    def project_name(self) -> str:
        """As it was called when the month closed."""
        return str(self.names["project"])

    @property
    def allocation(self) -> str:
        """What it falls under, in words; empty where nobody said."""
        named = (
            (_("cost centre {code}"), self.cost_center),
            (_("cost object {code}"), self.cost_object),
            (_("commitment {code}"), self.commitment_number),
        )
        return ", ".join(text.format(code=code) for text, code in named if code)

    @property
    def service(self) -> str:
        """The name of the SKU, as it was, in the reader's language."""
        return str(self.names["sku_en" if get_language() == "en" else "sku_nl"])

    @property
    def category(self) -> str:
        """FOCUS ServiceCategory of the SKU, as it was; as it is, on lines that did not keep it."""
        return str(self.names.get("category") or self.sku.service_category)

    @property
    def subcategory(self) -> str:
        """FOCUS ServiceSubcategory, likewise."""
        return str(self.names.get("subcategory") or self.sku.service_subcategory)

    @property
    def tier(self) -> str:
        """From which quantity on its price holds, in words; empty where that is from nothing."""
        if not self.from_quantity:
            return ""
        return _("from {quantity} on").format(quantity=quantity(self.from_quantity))

    @property
    def note(self) -> str:
        """What is put right, and of a credit why; empty of use."""
        month_name = format_date(self.used_in.first_day, "F Y")
        match LineKind(self.kind):
            case LineKind.USAGE:
                return ""
            case LineKind.CORRECTION:
                return _("Correction of {month}").format(month=month_name)
            case LineKind.CREDIT:
                text = _("Given back of {month}: {reason}")
                return text.format(month=month_name, reason=self.reason)
            case LineKind.SET_OFF:
                text = _("Set off against what was given back of {month}")
                return text.format(month=month_name)
            case LineKind.SHARED_OUT:
                return str(_("Borne by other projects"))
            case LineKind.SHARED_IN:
                return _("Share in the costs of {project}").format(project=self.names["source"])


class StatementLineSource(models.Model):
    """A piece of use that is in a line: which span, from when until when, and for how much.

    ``part``: of a price with tiers, what of the quantity x seconds falls in that of the line (of
    what is paid once: of the quantity); None: all of it.
    """

    line = models.ForeignKey(StatementLine, on_delete=models.PROTECT, related_name="sources")
    span = models.ForeignKey("billing.UsageSpan", on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    seconds = models.BigIntegerField()
    part = models.DecimalField(max_digits=36, decimal_places=6, null=True)
    amount = models.DecimalField(max_digits=30, decimal_places=6)

    def __str__(self) -> str:
        return f"{self.amount} in {self.line_id}"


class Credit(PublicIdModel):
    """What finance gives back of a line that was disputed; on a statement once the month closes.

    Another human agrees with it: by confirming it, or else by closing that month. ``settled_on`` is
    the line that gave it; until then whoever may close months may take it back.
    """

    line = models.ForeignKey(StatementLine, on_delete=models.PROTECT, related_name="credits")
    amount = models.DecimalField(max_digits=26, decimal_places=2)
    reason = models.CharField(max_length=REASON_LENGTH)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True)
    taken_back_at = models.DateTimeField(null=True)
    settled_on = models.OneToOneField(
        StatementLine, null=True, on_delete=models.PROTECT, related_name="credit"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="credit_gives_something"),
            models.CheckConstraint(condition=~Q(reason=""), name="credit_has_a_reason"),
            models.CheckConstraint(
                condition=Q(taken_back_at=None) | Q(settled_on=None),
                name="credit_taken_back_is_never_given",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by=None, confirmed_at=None)
                | (
                    Q(confirmed_by__isnull=False, confirmed_at__isnull=False)
                    & ~Q(confirmed_by=F("proposed_by"))
                ),
                name="credit_confirmed_by_another_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of line {self.line_id}"


class UnsettledMonth(models.Model):
    """A fact was written about a month that was over: if closed, it may be corrected.

    Triggers write it in the transaction of the fact; whoever closes a month forgets it.
    """

    month_start = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.month_start)
