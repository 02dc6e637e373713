"""The tree of organizations with projects as its leaves. What has history is ended, not deleted."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from portal.core.models import DatedFact, PublicIdModel, no_overlap

NUMBERS: Final = ("oin", "kvk_number", "rsin")  # what an organization is known by elsewhere


class NodeKind(models.TextChoices):
    ORGANIZATION = "organization", _("Organization")
    PROJECT = "project", _("Project")


class Node(PublicIdModel):
    """A place in the tree: roles, limits and budgets may stand on any node.

    ``ancestor_ids`` lists the primary keys from the root to the parent; a move rewrites it for
    the whole branch under the exclusive tree lock. The history is in ``NodeParent``. Triggers
    keep three things true: what lives stands below a living organization, what has ended stays
    so, and at the end of a transaction every ``ancestor_ids`` follows from the parents.
    """

    kind = models.CharField(max_length=20, choices=NodeKind, editable=False)
    code = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    ancestor_ids = ArrayField(models.BigIntegerField(), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # In the whole portal, although it shows that somebody has a code: commands on the
            # server name nodes by it, and a node keeps it when it moves.
            models.UniqueConstraint(
                fields=["code"], condition=Q(ended_at=None), name="node_code_unique_among_living"
            ),
            models.UniqueConstraint(
                Coalesce(F("parent"), Value(0)),  # the roots are one another's siblings
                Lower("name"),
                condition=Q(ended_at=None),
                name="node_name_unique_among_living_siblings",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="node_has_a_name"),
            models.CheckConstraint(condition=Q(kind__in=NodeKind.values), name="node_kind_known"),
            models.CheckConstraint(
                condition=Q(parent=None, ancestor_ids=[])
                | Q(parent__isnull=False, ancestor_ids__contains=[F("parent_id")]),
                name="node_ancestors_end_with_parent",
            ),
            models.CheckConstraint(
                condition=Q(kind=NodeKind.ORGANIZATION) | Q(parent__isnull=False),
                name="node_project_belongs_to_organization",
            ),
        ]
        indexes = [GinIndex(fields=["ancestor_ids"], name="node_by_ancestor")]

    def __str__(self) -> str:
        return self.name

    @property
    def lineage_ids(self) -> list[int]:
        """Primary keys from the root down to and including this node."""
        return [*self.ancestor_ids, self.pk]


class Organization(Node):
    """A public body, or a part of one. Numbers that are not known are empty.

    A number counts, for logins above all, from when the platform confirmed it: whoever may write
    one here could otherwise claim somebody else's people. A trigger makes a number that changes
    wait again. Confirmed, it names one living organization, or nobody could log in with it.
    ``is_ended`` repeats ``ended_at``, by trigger: an index cannot look into another table.
    """

    oin = models.CharField(max_length=20, blank=True)
    kvk_number = models.CharField(max_length=8, blank=True)
    rsin = models.CharField(max_length=9, blank=True)
    oin_confirmed_at = models.DateTimeField(null=True, editable=False)
    kvk_number_confirmed_at = models.DateTimeField(null=True, editable=False)
    rsin_confirmed_at = models.DateTimeField(null=True, editable=False)
    is_ended = models.BooleanField(default=False, editable=False)

    class Meta:
        constraints = [
            *(
                models.UniqueConstraint(
                    fields=[number],
                    condition=Q((f"{number}_confirmed_at__isnull", False), ("is_ended", False)),
                    name=f"organization_one_living_per_{number}",
                )
                for number in NUMBERS
            ),
            *(
                models.CheckConstraint(
                    condition=~Q((number, "")) | Q((f"{number}_confirmed_at", None)),
                    name=f"organization_confirmed_{number}_is_there",
                )
                for number in NUMBERS
            ),
            models.CheckConstraint(
                condition=Q(oin__regex="^([0-9]{20})?$"), name="organization_oin_has_20_digits"
            ),
            models.CheckConstraint(
                condition=Q(kvk_number__regex="^([0-9]{8})?$"),
                name="organization_kvk_number_has_8_digits",
            ),
            models.CheckConstraint(
                condition=Q(rsin__regex="^([0-9]{9})?$"), name="organization_rsin_has_9_digits"
            ),
        ]

    @property
    def confirmed_numbers(self) -> dict[str, str]:
        """The numbers that count, by field."""
        return {name: getattr(self, name) for name in NUMBERS if self._is_confirmed(name)}

    @property
    def waiting_numbers(self) -> dict[str, str]:
        """The numbers that wait for the platform, by field."""
        numbers = {name: getattr(self, name) for name in NUMBERS if not self._is_confirmed(name)}
        return {name: number for name, number in numbers.items() if number}

    def _is_confirmed(self, name: str) -> bool:
        return getattr(self, f"{name}_confirmed_at") is not None


class Project(Node):
    """A workspace in which resources are ordered; the FOCUS sub account.

    ``protection_level`` is the highest Te Beschermen Belang (VIRBI 2025: 1 highest, 4 lowest)
    of its data; NULL means not known. It and ``has_personal_data`` are copies of what follows from
    the answers about the project, by which the rules of placement judge (docs/placement.md).
    """

    description = models.CharField(max_length=300, blank=True)
    protection_level = models.PositiveSmallIntegerField(null=True)
    has_personal_data = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(protection_level=None) | Q(protection_level__range=(1, 4)),
                name="project_protection_level_known",
            ),
        ]


class NodeParent(DatedFact):
    """Under which parent a node stood, when."""

    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="parent_history")
    parent = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [no_overlap("node_has_one_parent_at_a_time", "node_id")]

    def __str__(self) -> str:
        return f"{self.node_id} under {self.parent_id}"


class ProjectOwner(DatedFact):
    """Who answers for a project, when."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="owner_history")
    owner = models.ForeignKey("identity.Person", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [no_overlap("project_has_one_owner_at_a_time", "project_id")]

    def __str__(self) -> str:
        return f"{self.project_id} owned by {self.owner_id}"


class DataOwner(DatedFact):
    """Who answers for the data of a node and everything below it, when."""

    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="data_owners")
    owner = models.ForeignKey("identity.Person", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [no_overlap("node_has_one_data_owner_at_a_time", "node_id")]

    def __str__(self) -> str:
        return f"data of {self.node_id} owned by {self.owner_id}"


class CostCentre(DatedFact):
    """The cost centre (kostenplaats) that a node's costs fall under; inherited downwards."""

    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="cost_centres")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [no_overlap("node_has_one_cost_centre_at_a_time", "node_id")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class VatTreatment(models.TextChoices):
    OUTSIDE_SCOPE = "outside_scope", _("Outside the scope of VAT")
    STANDARD_21 = "standard_21", _("21% VAT")
    EXEMPT = "exempt", _("Exempt from VAT")


class VatTreatmentPeriod(DatedFact):
    """How an organization's charges are taxed, when."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="vat_treatments"
    )
    treatment = models.CharField(max_length=20, choices=VatTreatment)

    class Meta:
        constraints = [
            no_overlap("organization_has_one_vat_treatment_at_a_time", "organization_id"),
            models.CheckConstraint(
                condition=Q(treatment__in=VatTreatment.values), name="vat_treatment_known"
            ),
        ]

    def __str__(self) -> str:
        return self.treatment
