"""An order as programs send it: for one thing, or for several in ``lines``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from billing.models import TAG_LENGTH
from catalog.api.inputs import NAME_LENGTH
from catalog.api.parameters import find_misfits
from catalog.kinds import get_kind
from catalog.models import OfferingVersion, Order
from catalog.policies import offerings_for, orderable_projects, visible_offerings, visible_orders
from catalog.services.order_lines import LineRequest
from catalog.services.orders import (
    PURPOSE_LENGTH,
    find_earlier_order,
    fingerprint_of,
    place_order,
)
from portal.core.api import DayField, Input, ObjectField, PublicIdField, TextField
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import reached_projects
from portal.identity.models import Person, Project
from portal.identity.requests import ApiRequest

LINE_FIELDS: Final = frozenset({"offering", "name", "spec", "end_date"})


class TagsField(ObjectField):
    """One answer for all that is ordered."""

    def __init__(self) -> None:
        super().__init__(
            child=TextField(max_length=TAG_LENGTH, allow_blank=True),
            required=False,
            default=dict,
            help_text=(
                "Values by key, for what is made. Required keys of the organization must have "
                "one, unless the project inherits that."
            ),
        )


class SentLine(Input):
    """One thing as it came in: its shape is right, and that is all that is known."""

    offering = PublicIdField(help_text="What is asked for.")
    name = TextField(
        max_length=NAME_LENGTH, trim_whitespace=False, help_text="What it will be called."
    )
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


class SentOrder(SentLine):
    """An order for one thing, as it came in."""

    project = PublicIdField(help_text="Where it belongs.")
    purpose = TextField(max_length=PURPOSE_LENGTH, help_text="What it is for.")
    tags = TagsField()


class SentLines(Input):
    """An order for several things, as it came in."""

    project = PublicIdField(help_text="Where they belong.")
    purpose = TextField(max_length=PURPOSE_LENGTH, help_text="What they are for.")
    tags = TagsField()
    lines = SentLine(many=True, allow_empty=False)


class _ToOrder(Input):
    """Something that the person may order, or where they may."""

    @property
    def _person(self) -> Person:
        person: Person = self.context["request"].user
        return person


class _InProject(_ToOrder):
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


class LineInput(_ToOrder, SentLine):
    """One thing asked for."""

    def validate_offering(self, public_id: UUID) -> OfferingVersion:
        """Return the published version."""
        version = visible_offerings(self._person).filter(offering__public_id=public_id).first()
        if version is None:
            raise _does_not_exist()
        return version

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        version: OfferingVersion = attrs["offering"]
        if "project" in attrs and not _is_offered(attrs["project"], version):
            raise serializers.ValidationError({"offering": _does_not_exist().detail})
        parameters = get_kind(version.offering.kind).parameters(version)
        misfits = find_misfits(parameters, attrs["spec"])
        if misfits:
            errors = {name: ErrorDetail(text, code="invalid") for name, text in misfits.items()}
            raise serializers.ValidationError({"spec": errors})
        return attrs


class OrderInput(LineInput, _InProject, SentOrder):
    """An order for one thing."""


class OrderOfLinesInput(_InProject, SentLines):
    """An order for several things: all of it is ordered, or nothing."""

    lines = LineInput(many=True, allow_empty=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wrong = [
            {}
            if _is_offered(attrs["project"], line["offering"])
            else {"offering": _does_not_exist().detail}
            for line in attrs["lines"]
        ]
        if any(wrong):
            raise serializers.ValidationError({"lines": wrong})
        return attrs


ANY_ORDER: Final = PolymorphicProxySerializer(
    component_name="AnyOrderInput",
    serializers=[OrderInput, OrderOfLinesInput],
    resource_type_field_name=None,
)


def find_repeated(request: ApiRequest, key: str) -> Order | None:
    """What this very call made before, although it might be refused today."""
    sent = (SentLines if _is_of_lines(request) else SentOrder)(data=request.data)
    if not sent.is_valid():
        return None
    asked = sent.validated_data
    lines = [
        (line["offering"], line["name"], line["spec"], line["end_date"]) for line in _lines(asked)
    ]
    tags = [asked["tags"]] * len(lines)
    fingerprint = fingerprint_of(asked["project"], asked["purpose"], lines, tags)
    order = find_earlier_order(request.user, key, fingerprint)
    return order if order and visible_orders(request.user).filter(pk=order.pk).exists() else None


def place(request: ApiRequest, key: str, context: Mapping[str, Any]) -> tuple[Order, bool]:
    """Place what was sent; True when this call did.

    Raises:
        ValidationError: the shape of what was sent.
        DomainError: as ``place_order``.
    """
    of_lines = _is_of_lines(request)
    body = (OrderOfLinesInput if of_lines else OrderInput)(data=request.data, context=context)
    body.is_valid(raise_exception=True)
    asked = body.validated_data
    try:
        return place_order(
            requested_by=request.user,
            project=asked["project"],
            purpose=asked["purpose"],
            lines=[
                LineRequest(
                    version=line["offering"],
                    name=line["name"],
                    spec=line["spec"],
                    end_date=line["end_date"],
                    tags=asked["tags"],
                )
                for line in _lines(asked)
            ],
            idempotency_key=key,
        )
    except InvalidInput as error:
        raise InvalidInput({_path(name): said for name, said in error.errors.items()}) from error


def _is_of_lines(request: ApiRequest) -> bool:
    return isinstance(request.data, Mapping) and "lines" in request.data


def _lines(asked: Mapping[str, Any]) -> list[Any]:
    lines: list[Any] = asked.get("lines", [asked])
    return lines


def _path(name: str) -> str:
    """Where in the body a field of a rule stands: what a kind asks is within ``spec``."""
    line, dot, field = name.rpartition(".")
    if line.rpartition(".")[2] == "tags":
        return f"tags.{field}"  # one answer for all lines
    if field in LINE_FIELDS | {"project", "purpose", "lines"}:
        return name
    return f"{line}{dot}spec.{field}"


def _is_offered(project: Project, version: OfferingVersion) -> bool:
    return offerings_for(project).filter(pk=version.pk).exists()


def _does_not_exist() -> serializers.ValidationError:
    """The same for what nobody has and for what somebody else has."""
    return serializers.ValidationError(_("You have none with this id."), code="does_not_exist")
