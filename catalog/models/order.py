"""A request for something, and the record of how it was answered."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.services.quotes import Quote
from catalog.approval_rules import judged_amount
from portal.core.models import PublicIdModel


class OrderState(models.TextChoices):
    PENDING_APPROVAL = "pending_approval", _("Waiting for approval")
    NEEDS_INFORMATION = "needs_information", _("Waiting for an answer")
    PROVISIONING = "provisioning", _("Being delivered")
    COMPLETED = "completed", _("Delivered")
    FAILED = "failed", _("Needs attention")
    REJECTED = "rejected", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Expired")
    CANCELED = "canceled", _("Undone")


ORDER_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    OrderState.PENDING_APPROVAL: frozenset(
        {
            OrderState.NEEDS_INFORMATION,
            OrderState.PROVISIONING,
            OrderState.REJECTED,
            OrderState.WITHDRAWN,
            OrderState.EXPIRED,
        }
    ),
    # Nobody approves what they asked about: an answer, or time, leads out of it.
    OrderState.NEEDS_INFORMATION: frozenset(
        {
            OrderState.PENDING_APPROVAL,
            OrderState.REJECTED,
            OrderState.WITHDRAWN,
            OrderState.EXPIRED,
        }
    ),
    OrderState.PROVISIONING: frozenset({OrderState.COMPLETED, OrderState.FAILED}),
    OrderState.FAILED: frozenset(
        {OrderState.PROVISIONING, OrderState.COMPLETED, OrderState.CANCELED}
    ),
    OrderState.COMPLETED: frozenset(),
    OrderState.REJECTED: frozenset(),
    OrderState.WITHDRAWN: frozenset(),
    OrderState.EXPIRED: frozenset(),
    OrderState.CANCELED: frozenset(),
}
OPEN_ORDER_STATES: Final = frozenset(
    state for state, targets in ORDER_TRANSITIONS.items() if targets
)
# Nobody has decided yet: its quota is reserved, and ``expires_at`` ends it.
UNDECIDED_ORDER_STATES: Final = frozenset(
    {OrderState.PENDING_APPROVAL, OrderState.NEEDS_INFORMATION}
)


class Order(PublicIdModel):
    """One request by one person in one project, with a line for each thing asked.

    What was asked, and by whom, never changes (triggers), and ``Approval`` refers to
    ``requested_by`` together with the primary key, so the database itself knows who may not
    approve. ``state`` follows ``ORDER_TRANSITIONS``, there as well as here.
    """

    number = models.CharField(max_length=20, unique=True)  # year and count: 2026-00418
    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="orders")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders"
    )
    purpose = models.CharField(max_length=300)
    state = models.CharField(max_length=20, choices=OrderState, default=OrderState.PENDING_APPROVAL)
    idempotency_key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the request, in hexadecimal
    submitted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    # The quote at submission: the commitment (verplichting). Charges follow the valid price.
    monthly_price = models.DecimalField(max_digits=18, decimal_places=6)
    # What falls due once, when the use begins; of a change without what was paid once before.
    one_off_price = models.DecimalField(max_digits=18, decimal_places=6, default=0, db_default=0)
    # What a month of what is measured costs at most, or is thought to: judged, never promised.
    expected_price = models.DecimalField(max_digits=18, decimal_places=6, default=0, db_default=0)
    # What of minimum terms falls due after the first month, come what may: judged beside that.
    later_price = models.DecimalField(max_digits=18, decimal_places=6, default=0, db_default=0)
    # What the requester saw beside the price: {"budget_free": decimal string or None}.
    # And how it is approved, where a rule speaks about it (``catalog.services.approval_routes``).
    conditions = models.JSONField(default=dict)
    # On which node, or above it, the next to approve must have the role; None: on the project.
    waits_for = models.ForeignKey(
        "identity.Node", null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["requested_by", "idempotency_key"], name="order_one_per_idempotency_key"
            ),
            models.UniqueConstraint(
                fields=["id", "requested_by"], name="order_known_together_with_requester"
            ),
            models.CheckConstraint(
                condition=Q(state__in=OrderState.values), name="order_state_known"
            ),
            models.CheckConstraint(
                condition=Q(monthly_price__gte=0), name="order_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(one_off_price__gte=0), name="order_one_off_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(expected_price__gte=0), name="order_expected_price_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(later_price__gte=0), name="order_later_price_not_negative"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "-submitted_at"], name="order_by_project"),
            models.Index(fields=["state", "submitted_at"], name="order_by_state"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def title(self) -> str:
        """What it asks, in a few words; uses ``lines``: “Virtual server web-01, and 2 more”."""
        first, *others = self.titles
        if not others:
            return first
        text = ngettext("{first}, and {count} more", "{first}, and {count} more", len(others))
        return text.format(first=first, count=len(others))

    @property
    def names(self) -> list[str]:
        """How the things are called that it asks for, of a whole once; uses ``lines``."""
        things = (line.assembly or line for line in self.lines.all())
        return list(dict.fromkeys(thing.short_title for thing in things))

    @property
    def titles(self) -> list[str]:
        """What it asks, a few words for each thing, of a whole once; uses ``lines``."""
        things = (line.assembly or line for line in self.lines.all())
        return list(dict.fromkeys(thing.title for thing in things))

    @property
    def judged_amount(self) -> Decimal:
        """What rules and limits of approvers look at, in euros."""
        monthly = self.monthly_price + self.expected_price
        return judged_amount(monthly=monthly, one_off=self.one_off_price, later=self.later_price)

    @property
    def is_undecided(self) -> bool:
        """True while somebody may still approve or refuse it, also where an answer comes first."""
        return self.state in UNDECIDED_ORDER_STATES

    @property
    def is_settled(self) -> bool:
        """True when nothing will change any more."""
        return not ORDER_TRANSITIONS[self.state]


class OrderLine(PublicIdModel):
    """One thing asked for: added while its order waits for a decision, and never changed.

    ``spec`` was validated by the kind; ``quote`` is what was shown.

    ``quote`` is a list of {"sku", "quantity", "unit", "unit_price", "monthly", "one_off"}, all
    numbers as decimal strings.

    A line of an ``assembly`` is one ``part`` of it. ``wiring`` is, by parameter, the text that the
    engine fills in once the parts that it names run; until then ``spec`` has None there.

    ``tags`` are by key what it gets beside what it inherits; see ``billing.services.order_tags``.

    A line that ``changes`` a resource says how the whole of it will be, and ``before`` how it was
    when that was asked: {"spec", "end_date", "quote"}. Its claim holds only what is more.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    offering_version = models.ForeignKey(
        "catalog.OfferingVersion", on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=63)
    spec = models.JSONField()
    end_date = models.DateField(null=True)  # the last business day that the thing is needed
    quote = models.JSONField()
    monthly_price = models.DecimalField(max_digits=18, decimal_places=6)
    claim = models.OneToOneField(
        "catalog.QuotaClaim", on_delete=models.PROTECT, related_name="order_line"
    )
    placement = models.ForeignKey(
        "catalog.PlacementDecision", on_delete=models.PROTECT, related_name="+"
    )
    changes = models.ForeignKey(
        "catalog.Resource", null=True, on_delete=models.PROTECT, related_name="changes"
    )
    before = models.JSONField(null=True)
    assembly = models.ForeignKey(
        "catalog.Assembly", null=True, on_delete=models.PROTECT, related_name="lines"
    )
    part = models.CharField(max_length=30, blank=True, db_default="")
    wiring = models.JSONField(default=dict, db_default={})
    tags = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "position"], name="order_line_position_unique"
            ),
            models.CheckConstraint(
                condition=Q(changes__isnull=True, before__isnull=True)
                | Q(changes__isnull=False, before__isnull=False),
                name="order_line_of_a_change_says_how_it_was",
            ),
            models.CheckConstraint(
                condition=Q(assembly=None, part="", wiring={})
                | Q(assembly__isnull=False, changes=None) & ~Q(part=""),
                name="order_line_of_an_assembly_is_a_part_of_it",
            ),
            models.UniqueConstraint(
                fields=["assembly", "part"], name="order_line_one_per_part_of_an_assembly"
            ),
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return self.name

    def due_of(self, price: Quote) -> Quote:
        """What of a price for it falls due; of a change without what was paid once before."""
        return price.after(Quote.from_json(self.before["quote"])) if self.before else price

    @property
    def quoted(self) -> Quote:
        """What it was agreed to cost."""
        return Quote.from_json(self.quote)

    @property
    def one_off_price(self) -> Decimal:
        """What was quoted that falls due once, when its use begins."""
        return self.due_of(self.quoted).one_off

    @property
    def is_by_use(self) -> bool:
        """Somebody pays, maybe besides, for what the cloud counts of it."""
        return bool(self.quoted.measured_lines)

    @property
    def short_title(self) -> str:
        """What it asks, in fewer words: “web-01”, “change of web-01”."""
        return (
            self.name if self.changes_id is None else _("change of {name}").format(name=self.name)
        )

    @property
    def title(self) -> str:
        """What it asks, in a few words: “Virtual server web-01”."""
        thing = f"{self.offering_version.name} {self.name}"
        if self.changes_id is None:
            return thing
        return _("Change of {thing}").format(thing=thing)


class Decision(models.TextChoices):
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Refused")


class Approval(PublicIdModel):
    """One person's yes or no to an order, never the requester's own; several where a rule says so.

    The migration adds the foreign key (order, requester) → Order(id, requested_by), so that
    ``requester`` cannot be anybody else than who asked. Or a rule's yes, where no person was
    needed: ``rule`` is its name, and a trigger looks whether the order said so when it was placed.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="approvals")
    requester = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    rule = models.CharField(max_length=80, blank=True)
    rule_version = models.ForeignKey(
        "catalog.ApprovalRuleVersion", null=True, on_delete=models.PROTECT, related_name="approvals"
    )
    decision = models.CharField(max_length=10, choices=Decision)
    reason = models.CharField(max_length=1000, blank=True)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Four eyes (BIO2, separation of duties): nobody decides on their own order.
            models.CheckConstraint(
                condition=Q(approver=None) | ~Q(approver=F("requester")),
                name="approval_given_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(approver__isnull=False, rule="", rule_version=None)
                | (Q(approver=None, rule_version__isnull=False, decision="approved") & ~Q(rule="")),
                name="approval_given_by_a_person_or_by_a_rule",
            ),
            models.CheckConstraint(
                condition=Q(decision="approved") | ~Q(reason=""),
                name="approval_refusal_has_a_reason",
            ),
            models.UniqueConstraint(
                fields=["order", "approver"], name="approval_one_per_order_and_approver"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.order_id}"
