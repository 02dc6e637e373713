"""What comes in: bodies and query keys. Shape only; the rules are in the services."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from catalog.api.parameters import find_misfits
from catalog.kinds import get_kind
from catalog.models import (
    COMMENT_LENGTH,
    OPEN_OPERATION_STATES,
    Decision,
    Metric,
    OfferingVersion,
    OperationState,
    OrderState,
    Resource,
    ResourceState,
    SolutionState,
)
from catalog.models.solution import REASON_LENGTH as SOLUTION_LENGTH
from catalog.policies import offerings_for, orderable_projects, visible_offerings
from catalog.services.approvals import REASON_LENGTH
from catalog.services.changes import changeable_parameters
from catalog.services.orders import PURPOSE_LENGTH
from portal.core.api import (
    DayField,
    Input,
    ObjectField,
    PublicIdField,
    TextField,
    TruthField,
)
from portal.core.errors import NotAllowed
from portal.identity.access import reached_projects
from portal.identity.models import NodeKind, Person, Project

NAME_LENGTH = 63
OPEN_STATES = [choice for choice in OperationState.choices if choice[0] in OPEN_OPERATION_STATES]
SOLUTION_DECISIONS = [
    (state.value, state.label) for state in (SolutionState.CONFIRMED, SolutionState.REFUSED)
]


class SentOrder(Input):
    """An order as it came in: its shape is right, and that is all that is known."""

    project = PublicIdField(help_text="Where it belongs.")
    offering = PublicIdField(help_text="What is asked for.")
    name = TextField(
        max_length=NAME_LENGTH, trim_whitespace=False, help_text="What it will be called."
    )
    purpose = TextField(max_length=PURPOSE_LENGTH, help_text="What it is for.")
    spec = ObjectField(help_text="The parameters of the offering.")
    end_date = DayField(
        required=False,
        allow_null=True,
        default=None,
        help_text=(
            "The last day on which it is needed. After it the thing is stopped, if its kind can "
            "be, and cleaned up `grace_days` of the offering later."
        ),
    )


class OrderInput(SentOrder):
    """An order for one thing."""

    def validate_project(self, public_id: UUID) -> Project:
        """Return the project.

        Raises:
            NotAllowed: the person sees it, but may not order there.
        """
        project = orderable_projects(self._person).filter(public_id=public_id).first()
        if project:
            return project
        if reached_projects(self._person).filter(public_id=public_id).exists():
            raise NotAllowed()
        raise _does_not_exist()

    def validate_offering(self, public_id: UUID) -> OfferingVersion:
        """Return the published version."""
        version = visible_offerings(self._person).filter(offering__public_id=public_id).first()
        if version is None:
            raise _does_not_exist()
        return version

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        version: OfferingVersion = attrs["offering"]
        if not offerings_for(attrs["project"]).filter(pk=version.pk).exists():
            raise serializers.ValidationError({"offering": _does_not_exist().detail})
        parameters = get_kind(version.offering.kind).parameters(version)
        misfits = find_misfits(parameters, attrs["spec"])
        if misfits:
            errors = {name: ErrorDetail(text, code="invalid") for name, text in misfits.items()}
            raise serializers.ValidationError({"spec": errors})
        return attrs

    @property
    def _person(self) -> Person:
        person: Person = self.context["request"].user
        return person


class ChangeInput(Input):
    """What must be otherwise about a resource that runs; what is left out stays as it is."""

    purpose = TextField(max_length=PURPOSE_LENGTH, help_text="What it is for.")
    spec = ObjectField(
        required=False,
        default=dict,
        help_text="Only what changes, of the parameters that the resource says can.",
    )
    end_date = DayField(
        required=False,
        allow_null=True,
        help_text="The last day on which it is needed; null is no end.",
    )

    def validate_spec(self, spec: dict[str, Any]) -> dict[str, Any]:
        misfits = find_misfits(changeable_parameters(self.context["resource"]), spec)
        if misfits:
            raise serializers.ValidationError(
                {name: ErrorDetail(text, code="invalid") for name, text in misfits.items()}
            )
        return spec


class TermInput(Input):
    """An earlier last day on which a resource is needed."""

    end_date = DayField(help_text="It holds at once; a later day needs a change.")


class ApprovalInput(Input):
    """A yes or a no. A no needs a reason, which the requester reads."""

    decision = serializers.ChoiceField(choices=Decision.choices)
    reason = TextField(required=False, allow_blank=True, default="", max_length=REASON_LENGTH)
    accepts_changes = TruthField(
        required=False,
        default=False,
        help_text="What got worse since the order was placed is accepted.",
    )


class CommentInput(Input):
    """What you want to say or ask; lines may end."""

    text = TextField(max_length=COMMENT_LENGTH)


class RetirementInput(Input):
    """The name of the resource, to be sure that the right one goes."""

    confirmation = TextField(max_length=NAME_LENGTH)


class ProtectionInput(Input):
    """Whether it is kept from being cleaned up."""

    is_protected = TruthField()


class ActionInput(Input):
    """One of the actions that the resource offers now."""

    action = TextField(max_length=40)
    answers = ObjectField(
        required=False,
        default=dict,
        help_text="What the action asks: `questions` of the resource says what that is.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        resource: Resource = self.context["resource"]
        action = get_kind(resource.kind).actions.get(attrs["action"])
        misfits = find_misfits(action.parameters if action else [], attrs["answers"])
        if action and misfits:
            errors = {name: ErrorDetail(text, code="invalid") for name, text in misfits.items()}
            raise serializers.ValidationError({"answers": errors})
        return attrs


class ResumptionInput(Input):
    """From which step on; left out, the one that failed. Only operators choose another."""

    position = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1)


class SolutionInput(Input):
    """What was done by hand."""

    reason = TextField(max_length=SOLUTION_LENGTH)


class SolutionDecisionInput(Input):
    """What another operator thinks of it. A no needs a reason, which the first one reads."""

    decision = serializers.ChoiceField(choices=SOLUTION_DECISIONS)
    reason = TextField(required=False, allow_blank=True, default="", max_length=SOLUTION_LENGTH)


class OperationFilters(Input):
    project = PublicIdField(source="resource__project__public_id", required=False)
    state = serializers.ChoiceField(choices=OPEN_STATES, required=False)


class OfferingFilters(Input):
    code = TextField(source="offering__code", required=False, max_length=40)


class OrderFilters(Input):
    project = PublicIdField(source="project__public_id", required=False)
    state = serializers.ChoiceField(choices=OrderState.choices, required=False)


class ApprovalFilters(Input):
    project = PublicIdField(source="project__public_id", required=False)


class ResourceFilters(Input):
    project = PublicIdField(source="project__public_id", required=False)
    state = serializers.ChoiceField(choices=ResourceState.choices, required=False)
    kind = TextField(required=False, max_length=40)


class QuotaFilters(Input):
    node = PublicIdField(source="node__public_id", required=False)
    nodeKind = serializers.ChoiceField(  # noqa: N815  query keys are camelCase by the Dutch rules
        choices=NodeKind.choices, source="node__kind", required=False
    )
    metric = serializers.ChoiceField(choices=Metric.choices, required=False)


def _does_not_exist() -> serializers.ValidationError:
    """The same for what nobody has and for what somebody else has."""
    return serializers.ValidationError(_("You have none with this id."), code="does_not_exist")
