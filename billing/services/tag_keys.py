"""Which keys of tags there are: an organization defines them for itself and all below it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from billing.models import TAG_LENGTH, TagFact, TagKey
from billing.policies import may_allocate
from portal.audit.services import record
from portal.core.calendar import start_of_day
from portal.core.errors import InvalidInput
from portal.core.models import end_from, is_in_force
from portal.core.text import clean_text
from portal.identity.models import Node, NodeKind, Organization, Person
from portal.identity.sensitive import sensitive
from portal.identity.services.tree import node_to_change

MOST_KEYS: Final = 20  # in force for any one organization
MOST_VALUES: Final = 50  # that one key allows
MOST_CHOICES: Final = 500  # of more values the address of a page still takes each
# FOCUS gives what a provider tags itself a prefix with a slash, so a key of people has none. Plain
# letters only: two keys that look alike are alike.
_KEY: Final = re.compile(r"[a-z][a-z0-9_-]*")
_VALUE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._/-]*")


@dataclass(frozen=True)
class TagChoice:
    """One value of one key, to show only what had it; None: what had none."""

    key: str
    value: str | None

    def __str__(self) -> str:
        """As in an address: ``fase=test``."""
        return f"{self.key}={self.value or ''}"

    @classmethod
    def read(cls, text: str) -> TagChoice:
        """What ``str`` wrote.

        Raises:
            ValueError: the text is no tag.
        """
        key, is_tag, value = text.partition("=")
        if not is_tag:
            raise ValueError(_("Give a tag as name=value."))
        return cls(clean_key(key), clean_value(value) if value.strip() else None)


def tag_choices(node_ids: Collection[int]) -> list[TagChoice]:
    """What can be chosen from for these nodes, by name: of each key the values that were ever set
    at them or below, and none. Four queries.
    """
    keys = keys_below(node_ids)
    nodes = Node.objects.filter(pk__in=node_ids).values_list("pk", "ancestor_ids")
    lineage = {place for pk, above in nodes for place in (pk, *above)}
    branch = Node.objects.filter(Q(pk__in=lineage) | Q(ancestor_ids__overlap=list(node_ids)))
    said = Q(node__in=branch.values("pk")) | Q(resource__project__in=branch.values("pk"))
    facts = TagFact.objects.filter(said, key__in=keys).order_by("key", "value")
    values: dict[str, list[str]] = {}
    for key, value in facts.values_list("key", "value").distinct()[:MOST_CHOICES]:
        values.setdefault(key, []).append(value)
    return [TagChoice(key, value) for key in keys for value in (*values.get(key, ()), None)]


def keys_in_force(nodes: Iterable[int]) -> QuerySet[TagKey]:
    """The keys that these organizations themselves define now, by name."""
    found = TagKey.objects.filter(is_in_force(now()), organization__in=list(nodes))
    return found.select_related("organization").order_by("name")


def keys_for(node: Node) -> list[TagKey]:
    """The keys that may be given values on a node now: its own and those from above, by name.

    Where a move brought two of one name together the highest counts. One query.
    """
    height = {pk: place for place, pk in enumerate(node.lineage_ids)}
    lowest_first = sorted(keys_in_force(height), key=lambda one: -height[one.organization_id])
    counting = {one.name: one for one in lowest_first}
    return [counting[name] for name in sorted(counting)]


def keys_below(node_ids: Collection[int]) -> list[str]:
    """The names of every key that means something for these nodes or anything below them.

    Also of those that were withdrawn, for months in which they were used. Two queries.
    """
    nodes = Node.objects.filter(pk__in=node_ids).values_list("pk", "ancestor_ids")
    lineage = {place for pk, above in nodes for place in (pk, *above)}
    is_below = Q(organization__ancestor_ids__overlap=list(node_ids))
    found = TagKey.objects.filter(Q(organization__in=lineage) | is_below)
    return sorted(set(found.values_list("name", flat=True)))


@sensitive("tag_key.define")
def define_tag_key(
    organization: Organization | Node,
    name: str,
    *,
    allowed_values: Sequence[str] = (),
    is_required: bool = False,
    actor: Person,
) -> TagKey:
    """From now on the organization and what is below it have this key; or have it differently.

    Values that were set before stay, also where they are no longer allowed.

    Args:
        allowed_values: the only ones that may be set; none: any may.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``; it takes finance of the organization.
        InvalidInput: something is not right in a field.
    """
    with node_to_change(organization.public_id, actor, may=may_allocate) as node:
        key, values = _checked(node, name, allowed_values)
        moment = now()
        _own_keys(node, key).update(valid_until=moment)
        defined = TagKey.objects.create(
            organization_id=node.pk,
            name=key,
            allowed_values=values,
            is_required=is_required,
            valid_from=moment,
        )
        told = {"key": key, "values": values, "is_required": is_required}
        record("tag_key.defined", node, actor=actor, node_id=node.pk, data=told)
        return defined


@sensitive("tag_key.withdraw")
def withdraw_tag_key(organization: Organization | Node, name: str, *, actor: Person) -> None:
    """From today on the organization and what is below it do not have this key, nor its values.

    Costs of the days before keep theirs. Where another organization above or below defines it too,
    since a move, its values stay.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``; it takes finance of the organization.
        InvalidInput: the organization does not define such a key.
    """
    with node_to_change(organization.public_id, actor, may=may_allocate) as node:
        # As text is kept, so that a query is never asked for what no row can hold.
        known = _KEY.fullmatch(name) is not None
        if not known or not _own_keys(node, name).update(valid_until=now()):
            raise InvalidInput({"key": [_("This organization has no such key.")]})
        others = [one.organization_id for one in _keys_around(node) if one.name == name]
        has_other = Q(pk__in=others) | Q(ancestor_ids__overlap=others)
        below = Node.objects.filter(Q(pk=node.pk) | Q(ancestor_ids__contains=[node.pk]))
        branch = below.exclude(has_other)
        said = Q(node__in=branch) | Q(resource__project__in=branch)
        end_from(TagFact.objects.filter(said, key=name), start_of_day(localdate()))
        record("tag_key.withdrawn", node, actor=actor, node_id=node.pk, data={"key": name})


def clean_key(text: str) -> str:
    """A key as it is kept: without capitals.

    Raises:
        ValueError: it is none.
    """
    key = clean_text(text, max_length=TAG_LENGTH).lower()
    if not _KEY.fullmatch(key):
        raise ValueError(_("Use letters, digits, _ and - only; a letter first. No spaces."))
    return key


def clean_value(text: str) -> str:
    """A value as it is kept.

    Raises:
        ValueError: it is none.
    """
    value = clean_text(text, max_length=TAG_LENGTH)
    if not _VALUE.fullmatch(value):
        raise ValueError(
            _("Use letters, digits, spaces and . / _ - only; a letter or digit first.")
        )
    return value


def _own_keys(node: Node, name: str) -> QuerySet[TagKey]:
    return TagKey.objects.filter(organization_id=node.pk, name=name, valid_until=None)


def _checked(node: Node, name: str, allowed_values: Sequence[str]) -> tuple[str, list[str]]:
    """The key and the values that it allows, as they are kept.

    Raises:
        InvalidInput: they are none, too many, or known above or below.
    """
    errors: dict[str, list[str]] = {}
    key, values = "", []
    try:
        key = clean_key(name)
    except ValueError as error:
        errors["name"] = [str(error)]
    try:
        values = list(dict.fromkeys(clean_value(value) for value in allowed_values))
    except ValueError as error:
        errors["allowed_values"] = [str(error)]
    if len(values) > MOST_VALUES:
        errors["allowed_values"] = [
            _("Give at most {count} values.").format(count=MOST_VALUES),
        ]
    if node.kind != NodeKind.ORGANIZATION:
        errors["name"] = [_("Only an organization defines keys.")]
    if not errors and (problem := _problem_around(node, key)):
        errors["name"] = [problem]
    if errors:
        raise InvalidInput(errors)
    return key, values


def _problem_around(node: Node, key: str) -> str:
    """What other keys above or below have against this one; empty: nothing.

    A key has one definition on the way up from any place, and no place has too many keys. What a
    move brought together may still be defined anew.
    """
    around = _keys_around(node)
    if (node.pk, key) in {(one.organization_id, one.name) for one in around}:
        return ""
    others = [one for one in around if one.name == key and one.organization_id != node.pk]
    if others:
        return _("“{name}” has this key already.").format(name=others[0].organization.name)
    defined = {(one.organization_id, one.name) for one in around} | {(node.pk, key)}
    lineages = {tuple(one.organization.lineage_ids) for one in around} | {tuple(node.lineage_ids)}
    most = max(
        sum(organization_id in lineage for organization_id, _name in defined)
        for lineage in lineages
    )
    if most > MOST_KEYS:
        return _("There are {count} keys here already, and more there cannot be.").format(
            count=MOST_KEYS
        )
    return ""


def _keys_around(node: Node) -> list[TagKey]:
    is_around = Q(organization__in=node.lineage_ids) | Q(
        organization__ancestor_ids__contains=[node.pk]
    )
    found = TagKey.objects.filter(is_in_force(now()), is_around)
    return list(found.select_related("organization"))
