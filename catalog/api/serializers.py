"""What goes out. Public ids only; moments in UTC; money as decimal text in euros."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.utils.timezone import now
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.services.measured_reading import last_measures
from catalog.api.measured import MeasuredOutput
from catalog.api.parameters import json_schema, partial_schema
from catalog.kinds import get_kind
from catalog.kinds.base import Action
from catalog.models import (
    Decision,
    Metric,
    OfferingVersion,
    Operation,
    OperationKind,
    OperationState,
    OrderLine,
    OrderState,
    Quota,
    Resource,
    ResourceState,
    SolutionState,
    StepFault,
    StepState,
)
from catalog.services.changes import changeable_parameters
from catalog.services.operations import repeatable_positions
from catalog.services.resources import questions_of
from portal.core.api import AmountField, MomentField
from portal.identity.models import NodeKind

Output = serializers.Serializer[Any]
ZERO: Final = Decimal("0.000000")  # written like every other amount


class NodeOutput(Output):
    id = serializers.UUIDField(source="public_id")
    kind = serializers.ChoiceField(choices=NodeKind.choices)
    code = serializers.CharField()
    name = serializers.CharField()


class ProjectOutput(Output):
    id = serializers.UUIDField(source="public_id")
    code = serializers.CharField()
    name = serializers.CharField()


class PersonOutput(Output):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class CloudOutput(Output):
    key = serializers.CharField()
    name = serializers.CharField()
    region = serializers.CharField()


# --- offerings ---------------------------------------------------------------------------------


class OfferingOutput(Output):
    """An offering in its published version; name and description in the reader's language."""

    id = serializers.UUIDField(source="offering.public_id")
    code = serializers.CharField(source="offering.code")
    kind = serializers.CharField(source="offering.kind")
    version = serializers.IntegerField(source="number")
    name = serializers.CharField()
    description = serializers.CharField()
    documentation_url = serializers.CharField()
    price_list_url = serializers.CharField()
    cloud = CloudOutput()
    approval_days = serializers.IntegerField()
    maximum_term_days = serializers.IntegerField(allow_null=True)
    grace_days = serializers.IntegerField()


class OfferingDetailOutput(OfferingOutput):
    """With the JSON Schema of what ``spec`` of an order must hold."""

    parameters = serializers.SerializerMethodField()

    def get_parameters(self, version: OfferingVersion) -> dict[str, Any]:
        return json_schema(get_kind(version.offering.kind).parameters(version))


class OrderedOfferingOutput(Output):
    """The version that was ordered, which the order keeps."""

    id = serializers.UUIDField(source="offering.public_id")
    code = serializers.CharField(source="offering.code")
    version = serializers.IntegerField(source="number")
    name = serializers.CharField()


# --- work --------------------------------------------------------------------------------------


class WorkedOnOutput(Output):
    """What an operation is about."""

    id = serializers.UUIDField(source="public_id")
    kind = serializers.CharField()
    name = serializers.CharField()
    project = ProjectOutput()


class StepOutput(Output):
    """One step; ``request_id`` is the cloud's own reference of the last error."""

    position = serializers.IntegerField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=StepState.choices)
    attempts = serializers.IntegerField()
    request_id = serializers.CharField(source="last_request_id")
    started_at = MomentField(allow_null=True)
    finished_at = MomentField(allow_null=True)


class OperationOutput(Output):
    id = serializers.UUIDField(source="public_id")
    kind = serializers.ChoiceField(choices=OperationKind.choices)
    state = serializers.ChoiceField(choices=OperationState.choices)
    started_at = MomentField()
    finished_at = MomentField(allow_null=True)
    steps = StepOutput(many=True)


class WorkStepOutput(StepOutput):
    """A step as an operator reads it: what went wrong last, and when it is due again."""

    fault = serializers.ChoiceField(choices=StepFault.choices, allow_blank=True)
    last_error = serializers.CharField()
    due_at = MomentField()


class WorkOutput(Output):
    """An operation of a resource; ``since`` it stopped, began its step, or began at all."""

    id = serializers.UUIDField(source="public_id")
    kind = serializers.ChoiceField(choices=OperationKind.choices)
    state = serializers.ChoiceField(choices=OperationState.choices)
    resource = WorkedOnOutput()
    since = MomentField()
    started_at = MomentField()
    failed_at = MomentField(allow_null=True)
    cancel_requested_at = MomentField(allow_null=True)
    steps = WorkStepOutput(many=True)


class ProposalOutput(Output):
    """What one operator proposed, and who decided about it."""

    id = serializers.UUIDField(source="public_id")
    reason = serializers.CharField()
    proposed_by = PersonOutput()
    proposed_at = MomentField()
    decided_by = PersonOutput(allow_null=True)
    decided_at = MomentField(allow_null=True)
    decision_reason = serializers.CharField()


class SolutionOutput(ProposalOutput):
    """What an operator said, and who decided about it where that moves money."""

    state = serializers.ChoiceField(choices=SolutionState.choices)
    moves_money = serializers.BooleanField()


class WorkDetailOutput(WorkOutput):
    """With what is possible now, and what was said about solving it, newest first."""

    finished_at = MomentField(allow_null=True)
    retry_from = serializers.SerializerMethodField()
    solutions = SolutionOutput(many=True)

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_retry_from(self, operation: Operation) -> list[int]:
        """Positions of the steps from which it can be tried again."""
        return repeatable_positions(operation)


# --- resources ---------------------------------------------------------------------------------


class ResourceLinkOutput(Output):
    id = serializers.UUIDField(source="public_id")
    kind = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=ResourceState.choices)


class ResourceOutput(ResourceLinkOutput):
    project = ProjectOutput()
    cloud = CloudOutput(source="cloud_project.cloud")
    end_date = serializers.DateField(allow_null=True)
    is_protected = serializers.BooleanField()
    is_unmanaged = serializers.BooleanField(help_text="It was found in the cloud, not ordered.")
    created_at = MomentField()
    activated_at = MomentField(allow_null=True)
    retired_at = MomentField(allow_null=True)


class OrderLinkOutput(Output):
    id = serializers.UUIDField(source="public_id")
    number = serializers.CharField()


def _offered(resource: Resource) -> dict[str, Action]:
    """The actions that make sense as it is now, by key."""
    if resource.state != ResourceState.ACTIVE:
        return {}
    actions = get_kind(resource.kind).actions
    return {key: action for key, action in actions.items() if action.is_offered(resource.facts)}


class ResourceDetailOutput(ResourceOutput):
    """With its spec, what the cloud says of it, and all work on it, oldest first."""

    spec = serializers.DictField()
    facts = serializers.DictField()
    cloud_ids = serializers.DictField(child=serializers.CharField())
    order = OrderLinkOutput(source="order_line.order", allow_null=True)
    clean_up_on = serializers.SerializerMethodField()
    actions = serializers.SerializerMethodField()
    questions = serializers.SerializerMethodField()
    changeable = serializers.SerializerMethodField()
    measured = serializers.SerializerMethodField()
    operations = OperationOutput(many=True)

    @extend_schema_field(MeasuredOutput(many=True))
    def get_measured(self, resource: Resource) -> Any:
        """What the cloud counts of it, where somebody pays by that."""
        return MeasuredOutput(last_measures(resource.public_id, at=now()), many=True).data

    @extend_schema_field(serializers.DateField(allow_null=True))
    def get_clean_up_on(self, resource: Resource) -> str | None:
        """The first day on which it is cleaned up by itself, once its term has ended."""
        days = (
            str(ending.clean_up_on)
            for ending in resource.endings.all()
            if ending.is_due_for(resource) and not resource.is_protected
        )
        return next(days, None)

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_actions(self, resource: Resource) -> list[str]:
        """What can be done to it as it is now."""
        return list(_offered(resource))

    @extend_schema_field(serializers.DictField(child=serializers.DictField()))
    def get_questions(self, resource: Resource) -> dict[str, Any]:
        """JSON Schema of the ``answers`` to each of these that asks something."""
        return {
            key: json_schema(questions_of(resource, action))
            for key, action in _offered(resource).items()
            if action.parameters
        }

    def get_changeable(self, resource: Resource) -> dict[str, Any]:
        """JSON Schema of what ``spec`` of a change may hold now; nothing of what does not run."""
        is_running = resource.state == ResourceState.ACTIVE and resource.order_line is not None
        return partial_schema(changeable_parameters(resource) if is_running else [])


# --- orders ------------------------------------------------------------------------------------


class OrderOutput(Output):
    id = serializers.UUIDField(source="public_id")
    number = serializers.CharField()
    state = serializers.ChoiceField(choices=OrderState.choices)
    project = ProjectOutput()
    requested_by = PersonOutput()
    purpose = serializers.CharField()
    monthly_price = AmountField()
    one_off_price = AmountField()
    later_price = AmountField(
        help_text="What minimum terms make due after the first month, also when use stops sooner; "
        "for approval it counts too. As it was when the order was placed: zero without such a "
        "term, and of an order that was placed before the portal kept it."
    )
    submitted_at = MomentField()
    expires_at = MomentField()
    settled_at = MomentField(allow_null=True)


class QuoteLineOutput(Output):
    """What one SKU was quoted at when the order was placed."""

    sku = serializers.CharField()
    quantity = AmountField()
    unit = serializers.CharField()
    unit_price = AmountField()
    monthly = AmountField()
    one_off = AmountField()
    minimum_months = serializers.IntegerField(
        default=0, help_text="For at least so many months it is due; zero is no minimum term."
    )


class BeforeOutput(Output):
    """How something was when its change was ordered."""

    spec = serializers.DictField()
    end_date = serializers.DateField(allow_null=True)
    quote = QuoteLineOutput(many=True)


class AssemblyOutput(Output):
    """Something ordered as a whole, of which lines are the parts."""

    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    offering = OrderedOfferingOutput(source="offering_version")
    spec = serializers.DictField()


class AssemblyWorkOutput(Output):
    """What was begun for the parts of a whole, in the order in which they go."""

    operations = OperationOutput(many=True)


class OrderLineOutput(Output):
    """One thing asked for: ``resource`` is made for it, or it ``changes`` one that was there.

    Of something ordered as a whole it is a ``part``, begun once the parts that it ``needs`` run;
    then what it takes of them (``wiring``) is filled in, and stands in the ``resource``.
    """

    position = serializers.IntegerField()
    offering = OrderedOfferingOutput(source="offering_version")
    name = serializers.CharField()
    spec = serializers.DictField()
    end_date = serializers.DateField(allow_null=True)
    monthly_price = AmountField()
    one_off_price = AmountField()
    quote = QuoteLineOutput(many=True)
    resource = ResourceLinkOutput(allow_null=True)
    changes = ResourceLinkOutput(allow_null=True)
    before = BeforeOutput(allow_null=True)
    assembly = AssemblyOutput(allow_null=True)
    part = serializers.CharField()
    wiring = serializers.DictField(child=serializers.CharField())
    tags = serializers.DictField(
        child=serializers.CharField(),
        help_text="By key: what it gets once it is delivered, beside what it inherits.",
    )
    needs = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_needs(self, line: OrderLine) -> list[str]:
        """Keys of the parts that must run before this one is begun."""
        return [need.needed.part for need in line.needs.all()]

    @extend_schema_field(StepOutput(many=True))
    def get_steps(self, line: OrderLine) -> Any:
        """Those of the delivery or the change; there are none before the approval."""
        resource = getattr(line, "resource", None)
        operations = resource.operations.all() if resource else line.operations.all()
        wanted = OperationKind.PROVISION if resource else OperationKind.CHANGE
        delivery = [item for item in operations if item.kind == wanted]
        return [StepOutput(step).data for item in delivery for step in item.steps.all()]


class ApprovalOutput(Output):
    """One decision; ``rule`` names what decided where no person did."""

    id = serializers.UUIDField(source="public_id")
    decision = serializers.ChoiceField(choices=Decision.choices)
    approver = PersonOutput(allow_null=True)
    rule = serializers.CharField()
    reason = serializers.CharField()
    decided_at = MomentField()


class CommentOutput(Output):
    """Something said under an order; a question is for who asked for it."""

    id = serializers.UUIDField(source="public_id")
    author = PersonOutput()
    text = serializers.CharField()
    is_question = serializers.BooleanField()
    written_at = MomentField()


class OrderDetailOutput(OrderOutput):
    lines = OrderLineOutput(many=True)
    comments = CommentOutput(many=True)
    approvals = ApprovalOutput(many=True)


# --- quotas ------------------------------------------------------------------------------------


class QuotaOutput(Output):
    """One counter; ``limit`` and ``free`` are null where there is explicitly no limit."""

    node = NodeOutput()
    metric = serializers.ChoiceField(choices=Metric.choices)
    limit = AmountField(source="limit_now", allow_null=True)
    claimed = AmountField()
    free = serializers.SerializerMethodField()
    over_since = MomentField(allow_null=True)

    def get_free(self, quota: Quota) -> str | None:
        if quota.limit_now is None:
            return None
        return str(max(ZERO, quota.limit_now - quota.claimed))
