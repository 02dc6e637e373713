"""Tags that are asked for where something is ordered, and set on what is delivered.

An organization may want a tag of everything below it. What a project inherits counts; what is left
is asked with the order, and stands on the resource from the day on which its use begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.models import MeteredResource, TagFact, TagKey
from billing.services.allocations import earliest_change
from billing.services.tag_keys import keys_for
from billing.services.tags import allowed_value, nearest_at
from portal.audit.services import record
from portal.core.calendar import day_of, start_of_day
from portal.core.errors import InvalidInput
from portal.identity.models import Node


@dataclass(frozen=True, kw_only=True)
class TagQuestion:
    """A key that what is ordered in a project may have a value for.

    Attributes:
        allowed_values: the only ones that there are; empty: any.
        inherited: what the project, or an organization above it, gives it; None: nothing.
    """

    key: str
    allowed_values: Sequence[str]
    is_required: bool
    inherited: str | None

    @property
    def field(self) -> str:
        """How a refusal names it."""
        return f"tags.{self.key}"


def tag_questions(project: Node) -> list[TagQuestion]:
    """The keys that are in force in a project, by name. Two queries; one where there are none."""
    keys = keys_for(project)
    if not keys:
        return []
    lineage, moment = project.lineage_ids, now()
    said = TagFact.objects.filter(node__in=lineage, key__in=[key.name for key in keys])
    held = nearest_at(said, lineage, moment)
    return [
        TagQuestion(
            key=key.name,
            allowed_values=tuple(key.allowed_values),
            is_required=key.is_required,
            inherited=held[key.name].value if key.name in held else None,
        )
        for key in keys
    ]


def clean_tags(asked: Mapping[str, Any], questions: Sequence[TagQuestion]) -> dict[str, str]:
    """Return what must be set on what is ordered: all that it does not inherit already.

    Raises:
        InvalidInput: a required key has no value, a value is not allowed, or there is no such key.
            Fields are ``tags.KEY``.
    """
    unknown = asked.keys() - {question.key for question in questions}
    errors = {f"tags.{key}": [_("There is no such key here.")] for key in sorted(unknown)}
    kept: dict[str, str] = {}
    for question in questions:
        text = str(asked.get(question.key) or "").strip()
        try:
            value = _answer(question, text)
        except ValueError as error:
            errors[question.field] = [str(error)]
        else:
            kept |= {question.key: value} if value else {}
    if errors:
        raise InvalidInput(errors)
    return kept


def _answer(question: TagQuestion, text: str) -> str:
    """The value to set; empty: what is inherited, or nothing.

    Raises:
        ValueError: it must have one, or may not have this one.
    """
    if text == (question.inherited or ""):
        if question.is_required and not text:
            raise ValueError(_("Give the tag “{key}” a value.").format(key=question.key))
        return ""
    if not text:
        return ""
    value = allowed_value(question.allowed_values, text)
    return "" if value == question.inherited else value


def still_known(tags: Mapping[str, str], questions: Sequence[TagQuestion]) -> dict[str, str]:
    """Those of which the key is still in force."""
    known = {question.key for question in questions}
    return {key: value for key, value in tags.items() if key in known}


def tag_as_ordered(public_id: UUID, tags: Mapping[str, str], *, began_at: datetime) -> None:
    """Give a resource the tags that were asked for with its order.

    Call inside the transaction that begins to meter it, before that writes in the audit trail. A
    delivery does not fail on a tag: where meanwhile the key was withdrawn, or does not allow the
    value any more, the tag is left out, and the resource shows as not yet tagged. What somebody
    said of the resource itself stays.

    Args:
        public_id: the catalogue's id of the resource.
        began_at: when its use began. The tags hold from the beginning of that day on.
    """
    if not tags:
        return
    resource = MeteredResource.objects.select_related("project").get(public_id=public_id)
    said = set(resource.tag_facts.values_list("key", flat=True))
    moment = start_of_day(max(day_of(began_at), earliest_change()))
    for key in _lock_keys(resource.project, tags):
        value = tags[key.name]
        if key.name in said or (key.allowed_values and value not in key.allowed_values):
            continue
        TagFact.objects.create(resource=resource, key=key.name, value=value, valid_from=moment)
        told = {"key": key.name, "value": value, "from": moment.isoformat()}
        record("tag.set", resource, actor=None, node_id=resource.project_id, data=told)


def _lock_keys(project: Node, names: Mapping[str, str]) -> list[TagKey]:
    """The keys of these names that are in force, so that nobody withdraws them meanwhile.

    Who withdraws one ends its values, and would not see those that are not committed yet. What was
    withdrawn while this waited has an end by then, and so is not among them; what was defined anew
    meanwhile has another row, which only a second look finds. Of two of one name the highest
    counts, as in ``keys_for``.
    """
    height = {pk: place for place, pk in enumerate(project.lineage_ids)}
    found = TagKey.objects.filter(valid_until=None, organization__in=height, name__in=list(names))
    locked = found.select_for_update(no_key=True).order_by("pk")
    list(locked)
    lowest_first = sorted(locked.all(), key=lambda one: -height[one.organization_id])
    return list({one.name: one for one in lowest_first}.values())
