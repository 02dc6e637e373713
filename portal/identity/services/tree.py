"""Changing the tree. Every function is one transaction under the tree lock."""

from __future__ import annotations

from django.db import transaction
from django.utils.timezone import now

from portal.audit.services import record
from portal.core.locks import lock_tree_exclusive
from portal.identity.models import Node, NodeKind, NodeParent, Organization, Person, Project


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
    """Add an organization to the tree, at the top or below another organization."""
    organization = Organization(
        kind=NodeKind.ORGANIZATION,
        code=code,
        name=name,
        oin=oin,
        kvk_number=kvk_number,
        rsin=rsin,
    )
    _place(organization, parent, actor)
    return organization


@transaction.atomic
def create_project(
    *,
    code: str,
    name: str,
    parent: Node,
    actor: Person | None,
    description: str = "",
    protection_level: int | None = None,
    has_personal_data: bool | None = None,
) -> Project:
    """Add a project below an organization."""
    project = Project(
        kind=NodeKind.PROJECT,
        code=code,
        name=name,
        description=description,
        protection_level=protection_level,
        has_personal_data=has_personal_data,
    )
    _place(project, parent, actor)
    return project


def _place(node: Node, parent: Node | None, actor: Person | None) -> None:
    lock_tree_exclusive()
    node.parent = parent
    node.ancestor_ids = parent.lineage_ids if parent else []
    unknown = [field.name for field in node._meta.concrete_fields if field.null]
    node.full_clean(exclude=[*unknown, "parent", "ancestor_ids"])
    node.save(force_insert=True)
    if parent:
        NodeParent.objects.create(node=node, parent=parent, valid_from=now())
    record("node.created", node, actor=actor, node_id=node.pk)
