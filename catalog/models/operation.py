"""Work on one resource: an operation with its ordered steps. These rows are the truth."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel


class AnswerList(Func):
    """What was answered as a JSON list, so that work is found by what it is about."""

    template = "jsonb_path_query_array(answers, '$.*')"
    output_field = models.JSONField()


class OperationKind(models.TextChoices):
    PROVISION = "provision", _("Deliver")
    CHANGE = "change", _("Change")
    ACT = "act", _("Action")
    RETIRE = "retire", _("Clean up")
    COMPENSATE = "compensate", _("Undo")
    REVERT = "revert", _("Undo the change")
    RECREATE = "recreate", _("Make again")
    WITHDRAW = "withdraw", _("Withdraw access")


class OperationQueue(models.TextChoices):
    """Which workers take it: those that serve people, or those for batches and the clock."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class OperationState(models.TextChoices):
    RUNNING = "running", _("Busy")
    FAILED = "failed", _("Needs attention")
    SUCCEEDED = "succeeded", _("Done")
    ABANDONED = "abandoned", _("Given up")  # another operation undoes what this one made
    CANCELED = "canceled", _("Stopped")  # likewise, before it came to an end
    SOLVED = "solved", _("Solved by hand")


# Work that makes a running resource otherwise, or undoes that.
CHANGING_KINDS: Final = frozenset({OperationKind.CHANGE.value, OperationKind.REVERT.value})
# Work that makes the things in the cloud that a resource consists of.
MAKING_KINDS: Final = frozenset({OperationKind.PROVISION.value, OperationKind.RECREATE.value})
OPERATION_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    OperationState.RUNNING: frozenset(
        {OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELED}
    ),
    OperationState.FAILED: frozenset(
        {
            OperationState.RUNNING,
            OperationState.ABANDONED,
            OperationState.CANCELED,
            OperationState.SOLVED,
        }
    ),
    OperationState.SUCCEEDED: frozenset(),
    OperationState.ABANDONED: frozenset(),
    OperationState.CANCELED: frozenset(),
    OperationState.SOLVED: frozenset(),
}
OPEN_OPERATION_STATES: Final = frozenset(
    state for state, targets in OPERATION_TRANSITIONS.items() if targets
)
# Work that holds up other work on the same resource. To withdraw access goes beside what hangs,
# and hangs beside what goes on.
HOLDS_UP: Final = Q(state__in=sorted(OPEN_OPERATION_STATES)) & ~Q(
    kind=OperationKind.WITHDRAW, state=OperationState.FAILED
)


class Operation(PublicIdModel):
    """One piece of work. ``plan`` and ``plan_version`` fix which steps it runs.

    Start-up refuses while an unfinished operation names a plan or step that the code lacks.
    ``order_line`` is what a change carries out, or what is undone of one that was given up.
    Access is withdrawn beside other work on the resource, and by itself once at a time.
    ``answers``: what was answered to the questions of an action; it never changes.
    ``cancel_requested_at``: no step is begun any more; it ends as soon as no worker holds one.
    ``solved`` asks for a ``Solution``: a trigger sees to that.
    """

    resource = models.ForeignKey(
        "catalog.Resource", on_delete=models.PROTECT, related_name="operations"
    )
    kind = models.CharField(max_length=12, choices=OperationKind)
    order_line = models.ForeignKey(
        "catalog.OrderLine", null=True, on_delete=models.PROTECT, related_name="operations"
    )
    plan = models.CharField(max_length=60)  # e.g. "server.provision"
    plan_version = models.PositiveSmallIntegerField()
    answers = models.JSONField(default=dict, db_default={})
    state = models.CharField(max_length=12, choices=OperationState, default=OperationState.RUNNING)
    queue = models.CharField(
        max_length=12, choices=OperationQueue, default=OperationQueue.INTERACTIVE
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource"],
                condition=Q(state__in=["running", "failed"]) & ~Q(kind="withdraw"),
                name="operation_one_open_per_resource",
            ),
            models.UniqueConstraint(
                fields=["resource"],
                condition=Q(state__in=["running", "failed"], kind="withdraw"),
                name="operation_one_withdrawal_per_resource",
            ),
            models.CheckConstraint(
                condition=Q(state__in=OperationState.values), name="operation_state_known"
            ),
            models.CheckConstraint(
                condition=Q(queue__in=OperationQueue.values), name="operation_queue_known"
            ),
            models.CheckConstraint(
                # Nobody: the clock, which takes back only what it asked for itself.
                condition=Q(cancel_requested_at=None, cancel_requested_by=None)
                | Q(cancel_requested_at__isnull=False, cancel_requested_by__isnull=False)
                | Q(cancel_requested_at__isnull=False, requested_by=None),
                name="operation_cancellation_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["change", "revert"], order_line__isnull=False)
                | (~Q(kind__in=["change", "revert"]) & Q(order_line=None)),
                name="operation_that_changes_names_its_order_line",
            ),
            models.CheckConstraint(
                condition=Q(kind="act") | Q(answers={}), name="operation_only_actions_have_answers"
            ),
        ]
        indexes = [
            models.Index(
                fields=["state", "failed_at"],
                condition=Q(state__in=["running", "failed"]),
                name="operation_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan} for {self.resource_id}"

    @property
    def holds_up(self) -> bool:
        """``HOLDS_UP``, of a row that was read."""
        hangs_beside = (self.kind, self.state) == (OperationKind.WITHDRAW, OperationState.FAILED)
        return self.state in OPEN_OPERATION_STATES and not hangs_beside


class StepState(models.TextChoices):
    TODO = "todo", _("To do")
    RUNNING = "running", _("Busy")  # a worker holds it until ``leased_until``
    AWAITING = "awaiting", _("Waiting for the cloud")  # the poll of the cloud project settles it
    DONE = "done", _("Done")
    FAILED = "failed", _("Needs attention")
    CANCELED = "canceled", _("Not done")  # its operation was stopped first


class StepFault(models.TextChoices):
    """What went wrong last, as people read it; the cloud's own words are in ``last_error``."""

    UNAVAILABLE = "unavailable", _("The cloud does not answer.")
    REFUSED = "refused", _("The cloud refused this step.")
    NO_ROOM = "no_room", _("The cloud says that its quota is full.")
    BROKEN = "broken", _("What the cloud made does not work.")
    TOO_SLOW = "too_slow", _("It takes longer than this step may take.")
    WIRING = "wiring", _("What it takes of another part cannot be used.")
    DEFECT = "defect", _("Cloudloket made a mistake. Tell those who look after it.")


class Step(models.Model):
    """One idempotent action. Retry, recovery and "when next" are all the column ``due_at``.

    ``attempts`` is the fencing number: an outcome is written only by the worker that still
    holds the attempt. ``create_intended_at`` is set, in a transaction of its own, just before
    something is created, and cleared when the cloud answered: as long as it is set, what was
    asked may exist. ``outcome_unknown_at`` is the last time that such an answer did not come;
    from then on the step looks before it creates, and second copies are looked for until a day
    later. A step that awaits the cloud does so since ``due_at``. ``started_at`` is the first try
    since it was begun, or since a person had it tried again. A step that ``goes_ahead`` needs
    nothing of what its operation waits for, and is done meanwhile.
    """

    operation = models.ForeignKey(Operation, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    goes_ahead = models.BooleanField(default=False, db_default=False)
    state = models.CharField(max_length=10, choices=StepState, default=StepState.TODO)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)  # in a row; decides the next delay
    remakes = models.PositiveSmallIntegerField(
        default=0
    )  # times an ERROR was removed and made anew
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    create_intended_at = models.DateTimeField(null=True)
    outcome_unknown_at = models.DateTimeField(null=True)
    external_id = models.CharField(max_length=64, blank=True)
    fault = models.CharField(max_length=12, choices=StepFault, blank=True, db_default="")
    last_error = models.CharField(max_length=1000, blank=True)
    last_request_id = models.CharField(max_length=80, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "position"], name="step_one_per_place_in_operation"
            ),
            models.CheckConstraint(
                condition=Q(state__in=StepState.values), name="step_state_known"
            ),
            models.CheckConstraint(
                condition=Q(fault__in=["", *StepFault.values]), name="step_fault_known"
            ),
            models.CheckConstraint(
                condition=Q(state="running", leased_until__isnull=False)
                | (~Q(state="running") & Q(leased_until=None)),
                name="step_running_has_a_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["todo", "running", "awaiting"]),
                name="step_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.name}"
