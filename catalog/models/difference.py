"""Where the portal says something else than a cloud, as reconciliation found it."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel

REASON_LENGTH: Final = 300  # characters
VALUE_LENGTH: Final = 1000


class DifferenceKind(models.TextChoices):
    MISSING = "missing", _("Gone from the cloud")
    CHARGED_BUT_ABSENT = "charged_but_absent", _("Gone from the cloud, and still charged")
    UNKNOWN = "unknown", _("Not ordered")
    NOT_CHARGED = "not_charged", _("In the cloud, and not charged")
    DUPLICATE = "duplicate", _("Second copy")
    DIFFERS = "differs", _("Other than ordered")
    QUOTA = "quota", _("Other room than needed")


class DifferenceState(models.TextChoices):
    SUSPECTED = "suspected", _("Seen once")  # nobody sees it until a second look agrees
    OPEN = "open", _("Open")
    IGNORED = "ignored", _("Ignored for now")
    SOLVED = "solved", _("Solved")


LIVING_STATES: Final = (
    DifferenceState.SUSPECTED,
    DifferenceState.OPEN,
    DifferenceState.IGNORED,
)


class Difference(PublicIdModel):
    """One thing about which portal and cloud disagree, from the first look that saw it.

    ``part`` and ``field`` are keys of what the kind declares; ``field`` is empty where something
    is there on one side only. ``resource`` is empty for what nobody ordered; of that ``part`` is
    set where it is a second copy of what the project's resources share, and ``finding``
    says what it would be as a resource ({"kind", "spec", "facts", "used_by"}), and is empty where
    that cannot be told. Of room in the cloud ``field`` is the metric. A look writes what it sees;
    once solved, a row stays as it is.
    """

    cloud = models.ForeignKey("cloud.Cloud", on_delete=models.PROTECT, related_name="+")
    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="differences"
    )
    resource = models.ForeignKey(
        "catalog.Resource", null=True, on_delete=models.PROTECT, related_name="differences"
    )
    kind = models.CharField(max_length=20, choices=DifferenceKind)
    listing = models.CharField(max_length=20)  # where the cloud lists it
    part = models.CharField(max_length=40, blank=True)
    field = models.CharField(max_length=40, blank=True)
    openstack_id = models.CharField(max_length=256, blank=True)
    name = models.CharField(max_length=255, blank=True)
    ours = models.CharField(max_length=VALUE_LENGTH, blank=True)
    theirs = models.CharField(max_length=VALUE_LENGTH, blank=True)
    finding = models.JSONField(default=dict)
    made_at = models.DateTimeField(null=True)  # by the cloud's clock, where it tells
    state = models.CharField(
        max_length=10, choices=DifferenceState, default=DifferenceState.SUSPECTED
    )
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    solved_at = models.DateTimeField(null=True)
    ignored_until = models.DateTimeField(null=True)
    ignored_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ignored_because = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cloud", "resource", "kind", "listing", "part", "field", "openstack_id"],
                condition=~Q(state="solved"),
                nulls_distinct=False,
                name="difference_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=DifferenceKind.values), name="difference_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=DifferenceState.values), name="difference_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="solved", solved_at__isnull=False)
                | (~Q(state="solved") & Q(solved_at=None)),
                name="difference_solved_has_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="ignored")
                | (
                    Q(ignored_until__isnull=False, ignored_by__isnull=False)
                    & ~Q(ignored_because="")
                ),
                name="difference_ignored_by_somebody_until_a_day_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(resource__isnull=False) | Q(kind__in=["unknown", "quota"]),
                name="difference_names_its_resource",
            ),
            models.CheckConstraint(
                condition=Q(last_seen_at__gte=F("first_seen_at")),
                name="difference_seen_last_after_first",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "state", "kind"], name="difference_by_project"),
            models.Index(
                fields=["cloud", "listing", "last_seen_at"],
                condition=~Q(state="solved"),
                name="difference_living",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.part} {self.field} {self.openstack_id}".strip()


class RepairAction(models.TextChoices):
    ADOPT = "adopt", _("Adopt it and charge it")
    REMOVE = "remove", _("Remove it from the cloud")
    RECREATE = "recreate", _("Make it again")
    RETIRE = "retire", _("Close it")
    CHARGE = "charge", _("Charge it from now on")
    UNCHARGE = "uncharge", _("Stop charging it")
    TAKE_OVER = "take_over", _("Correct our record and the costs")
    KEEP_COPY = "keep_copy", _("Keep this copy")
    DROP_COPY = "drop_copy", _("Remove this copy")


class RepairState(models.TextChoices):
    PROPOSED = "proposed", _("Waits for a second operator")
    CONFIRMED = "confirmed", _("Carried out")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class DriftRepair(PublicIdModel):
    """A repair that changes money: one operator proposes it, another decides.

    A trigger keeps all but the decision as it was proposed, and what is settled as it was
    settled.
    """

    difference = models.ForeignKey(Difference, on_delete=models.PROTECT, related_name="repairs")
    action = models.CharField(max_length=10, choices=RepairAction)
    reason = models.CharField(max_length=REASON_LENGTH)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=RepairState, default=RepairState.PROPOSED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(action__in=RepairAction.values), name="drift_repair_action_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=RepairState.values), name="drift_repair_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="drift_repair_proposed_for_a_reason"
            ),
            # Four eyes (BIO2, separation of duties): what changes money takes two operators.
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | Q(state="withdrawn")
                | ~Q(decided_by=F("proposed_by")),
                name="drift_repair_decided_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_by=None, decided_at=None)
                | (~Q(state="proposed") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="drift_repair_decision_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(decision_reason=""),
                name="drift_repair_refusal_has_a_reason",
            ),
            models.UniqueConstraint(
                fields=["difference"],
                condition=Q(state="proposed"),
                name="drift_repair_one_waits_per_difference",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.difference_id}"


class CloudLook(models.Model):
    """When a cloud is compared with what we know, and how the last time went; one for each cloud.

    ``unanswered`` holds the lists that the cloud did not give: what we knew of those stays.
    ``rooms_due_at`` is when the quotas of its projects are read, each by calls of its own;
    ``usage_due_at`` when what was metered is compared with what the cloud counts. Since
    ``loads_refused_at`` the cloud's policy keeps from us how busy servers are; empty: it does not.
    ``loads_due_at`` is when it is asked again whether that is still so.
    """

    cloud = models.OneToOneField("cloud.Cloud", on_delete=models.PROTECT, related_name="look")
    due_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    resources = models.PositiveIntegerField(default=0)
    things = models.PositiveIntegerField(default=0)  # that the cloud listed
    pages = models.PositiveIntegerField(default=0)
    unanswered = models.JSONField(default=list)
    rooms_due_at = models.DateTimeField(null=True)
    usage_due_at = models.DateTimeField(null=True)
    loads_refused_at = models.DateTimeField(null=True)
    loads_due_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="cloud_look_due")]

    def __str__(self) -> str:
        return f"look at {self.cloud_id}"
