"""Changing the tree. Every function is one transaction under the exclusive tree lock.

Moving a node and ending one touch what was ordered there: ``catalog.services.tree``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils.timezone import now
from django.utils.translation import gettext as _

from portal.audit.services import record, record_refusal
from portal.core.calendar import whole_second
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tree_exclusive
from portal.core.text import clean_text
from portal.identity.errors import NodeEnded
from portal.identity.models import (
    NUMBERS,
    Node,
    NodeKind,
    NodeParent,
    Organization,
    Person,
    Project,
)
from portal.identity.numbers import is_kvk_number, is_oin, is_rsin
from portal.identity.policies import may_administer, may_administer_from_above
from portal.identity.sensitive import sensitive
from portal.identity.services.numbers import TAKEN, is_taken

CODE_LENGTH: Final = 40
NAME_LENGTH: Final = 120
DESCRIPTION_LENGTH: Final = 300

Values = dict[str, Any]


@contextmanager
def node_to_change(
    public_id: UUID, actor: Person, *, may: Callable[[Person, Node], bool] = may_administer
) -> Iterator[Node]:
    """One durable transaction in which nobody else changes the tree, nor claims quota in it.

    Args:
        may: who may make this change.

    Raises:
        NotAllowed: the person may not; the attempt is written down.
        NodeEnded: nothing changes there any more.
    """
    node = Node.objects.get(public_id=public_id)
    try:
        with transaction.atomic(durable=True):
            lock_tree_exclusive()
            node = Node.objects.select_related("parent").get(pk=node.pk)
            if not may(actor, node):
                raise NotAllowed()
            if node.ended_at is not None:
                raise NodeEnded(name=node.name)
            yield node
    except NotAllowed as refusal:
        record_refused_change(node, actor=actor, code=refusal.code)
        raise


def record_refused_change(node: Node, *, actor: Person, code: str = NotAllowed.code) -> None:
    """Write down that somebody tried what their role does not allow."""
    record_refusal("node.change_refused", node, actor=actor, node_id=node.pk, code=code)


# --- coming into being -------------------------------------------------------------------------


@transaction.atomic
def create_organization(
    *,
    code: str,
    name: str,
    parent: Node | None,
    oin: str = "",
    kvk_number: str = "",
    rsin: str = "",
    actor: Person | None,
) -> Organization:
    """Add an organization to the tree, at the top or below another organization.

    Asks nobody for a role: for commands, and inside ``add_organization``.

    Args:
        actor: None is the platform itself, whose word confirms the numbers.

    Raises:
        InvalidInput: something is not right in a field.
    """
    organization = Organization(kind=NodeKind.ORGANIZATION, parent=parent)
    values = {"code": code, "name": name, "oin": oin, "kvk_number": kvk_number, "rsin": rsin}
    if actor is None:
        moment = now()
        for number in NUMBERS:
            setattr(organization, f"{number}_confirmed_at", moment if values[number] else None)
    _place(organization, values, actor)
    return organization


@transaction.atomic
def create_project(
    *,
    code: str,
    name: str,
    parent: Node,
    actor: Person | None,
    description: str = "",
) -> Project:
    """Add a project below an organization; otherwise as ``create_organization``.

    Nothing is ordered in it until somebody answered the questions about its data.
    """
    project = Project(kind=NodeKind.PROJECT, parent=parent)
    _place(project, {"code": code, "name": name, "description": description}, actor)
    return project


@sensitive("organization.add")
def add_organization(parent_id: UUID, *, actor: Person, **values: Any) -> Organization:
    """Add an organization below one that the person administers.

    Args:
        values: code, name, oin, kvk_number and rsin.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``.
        InvalidInput: something is not right in a field.
    """
    with node_to_change(parent_id, actor) as parent:
        return create_organization(parent=parent, actor=actor, **values)


def add_project(parent_id: UUID, *, actor: Person, **values: Any) -> Project:
    """Add a project below an organization that the person administers.

    Args:
        values: code, name and description.

    Raises:
        NotAllowed, NodeEnded, InvalidInput: as ``add_organization``.
    """
    with node_to_change(parent_id, actor) as parent:
        return create_project(parent=parent, actor=actor, **values)


def _place(node: Organization | Project, values: Values, actor: Person | None) -> None:
    lock_tree_exclusive()
    parent = node.parent
    if parent is not None and parent.kind != NodeKind.ORGANIZATION:
        raise InvalidInput({"parent": [_("Only an organisation has parts.")]})
    _write(node, values)
    node.ancestor_ids = parent.lineage_ids if parent else []
    node.save(force_insert=True)
    if parent:
        NodeParent.objects.create(node=node, parent=parent, valid_from=whole_second(now()))
    record("node.created", node, actor=actor, node_id=node.pk)


# --- being changed -----------------------------------------------------------------------------


@sensitive("organization.edit")
def edit_organization(public_id: UUID, *, actor: Person, **values: Any) -> Organization:
    """Change the code, the name and the numbers of an organization.

    Numbers decide who logs in as whom, so only somebody from above changes those, and a number
    that changes waits until the platform confirms it.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``.
        InvalidInput: something is not right in a field.
    """
    with node_to_change(public_id, actor) as node:
        organization = node.organization
        before = {name: getattr(organization, name) for name in values}
        _write(organization, values)
        changed = [name for name in values if getattr(organization, name) != before[name]]
        if set(changed) & set(NUMBERS) and not may_administer_from_above(actor, node):
            raise NotAllowed()
        _save_changes(organization, changed, before, actor)
        organization.refresh_from_db(fields=[f"{number}_confirmed_at" for number in NUMBERS])
        return organization


def edit_project(public_id: UUID, *, actor: Person, **values: Any) -> Project:
    """Change the code, the name and the description of a project.

    Raises:
        NotAllowed, NodeEnded, InvalidInput: as ``edit_organization``.
    """
    with node_to_change(public_id, actor) as node:
        project = node.project
        before = {name: getattr(project, name) for name in values}
        _write(project, values)
        changed = [name for name in values if getattr(project, name) != before[name]]
        _save_changes(project, changed, before, actor)
        return project


def _save_changes(
    node: Organization | Project, changed: list[str], before: Values, actor: Person
) -> None:
    if not changed:
        return
    node.save(update_fields=changed)
    data = {name: [before[name], getattr(node, name)] for name in changed}
    record("node.changed", node, actor=actor, node_id=node.pk, data=data)


def note_classification(
    project: Project, *, protection_level: int | None, has_personal_data: bool | None
) -> None:
    """Copy what follows from the answers about a project to where lists and rules read it.

    Call inside the transaction that keeps the answers, which writes down who gave them.
    """
    project.protection_level = protection_level
    project.has_personal_data = has_personal_data
    project.save(update_fields=["protection_level", "has_personal_data"])


# --- what may be written -----------------------------------------------------------------------


def _write(node: Organization | Project, values: Values) -> None:
    """Put the values on the node, cleaned.

    Raises:
        InvalidInput: with a message for every field that is wrong.
    """
    errors: dict[str, list[str]] = {}
    for name, value in values.items():
        try:
            setattr(node, name, _CLEANERS[name](value))
        except ValueError as error:
            errors[name] = [str(error)]
    living = Node.objects.filter(ended_at=None).exclude(pk=node.pk)
    if "code" not in errors and living.filter(code=node.code).exists():
        errors["code"] = [_("This code is in use. Choose another one.")]
    if "name" not in errors and is_name_taken(node, node.parent):
        errors["name"] = [_("Something beside it has this name. Choose another one.")]
    if isinstance(node, Organization):
        sent = [name for name in NUMBERS if name in values and name not in errors]
        errors |= {name: [str(TAKEN[name])] for name in sent if is_taken(node, name)}
    if errors:
        raise InvalidInput(errors)


def is_name_taken(node: Node, parent: Node | None) -> bool:
    """True when something else that lives below ``parent`` is called as the node is."""
    living = Node.objects.filter(ended_at=None, parent=parent).exclude(pk=node.pk)
    same = living.alias(lower=Lower("name")).filter(lower=Lower(Value(node.name)))
    return same.exists()


def _clean_code(value: str) -> str:
    code = clean_text(value, max_length=CODE_LENGTH)
    try:
        validate_slug(code)
    except ValidationError as error:
        message = _("Use letters without accents, digits, hyphens and underscores.")
        raise ValueError(message) from error
    return code


def _clean_name(value: str) -> str:
    name = clean_text(value, max_length=NAME_LENGTH)
    if not name:
        raise ValueError(_("Fill this in."))
    return name


def _clean_description(value: str) -> str:
    return clean_text(value, max_length=DESCRIPTION_LENGTH)


def _clean_oin(value: str) -> str:
    return _clean_number(value, is_oin, _("An OIN has 20 digits."))


def _clean_kvk_number(value: str) -> str:
    return _clean_number(value, is_kvk_number, _("A KvK number has 8 digits."))


def _clean_rsin(value: str) -> str:
    message = _("An RSIN has 9 digits, and these cannot be one. Look for a typing mistake.")
    return _clean_number(value, is_rsin, message)


def _clean_number(value: str, is_possible: Callable[[str], bool], message: str) -> str:
    number = value.strip()
    if number and not is_possible(number):
        raise ValueError(message)
    return number


_CLEANERS: Final[dict[str, Callable[[Any], Any]]] = {
    "code": _clean_code,
    "name": _clean_name,
    "description": _clean_description,
    "oin": _clean_oin,
    "kvk_number": _clean_kvk_number,
    "rsin": _clean_rsin,
}
