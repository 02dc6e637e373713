"""People, and the tree they work in."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import factory
from django.db import connection, transaction
from django.utils.timezone import now

from portal.identity.models import (
    Deputy,
    Identity,
    Node,
    Organization,
    Person,
    Project,
    ProposalState,
    Role,
    RoleGrant,
    RoleProposal,
)
from portal.identity.role_policies import approved_nodes
from portal.identity.services.tree import create_organization, create_project
from tests.factories.placement import classify

ISSUER = "https://idp.example.nl"
# The public_id of nothing; a constant, because names of tests must not change by themselves.
UNKNOWN_ID = "6a9b7d0e-5c3f-4e21-8f4a-9d2c1b0a7e65"
_codes = count(1)


class PersonFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Person

    name = factory.Sequence(lambda number: f"Persoon {number}")


def make_organization(parent: Node | None = None, name: str = "") -> Organization:
    return create_organization(
        code=f"org-{next(_codes)}",
        name=name or _free_name("Ministerie", parent),
        parent=parent,
        actor=None,
    )


def give_numbers(organization: Node, **numbers: str) -> None:
    """Numbers that the platform confirmed: people log in with them."""
    Organization.objects.filter(pk=organization.pk).update(**numbers)
    confirmed = {f"{name}_confirmed_at": now() for name in numbers}
    Organization.objects.filter(pk=organization.pk).update(**confirmed)


def make_project(parent: Node | None = None, name: str = "") -> Project:
    """A project about whose data the questions were answered."""
    parent = parent or make_organization()
    project = create_project(
        code=f"project-{next(_codes)}",
        name=name or _free_name("Zaaksysteem", parent),
        parent=parent,
        actor=None,
    )
    classify(project)
    return project


def _free_name(name: str, parent: Node | None) -> str:
    """The name, numbered where something living beside it has it already."""
    siblings = Node.objects.filter(parent=parent, name=name, ended_at=None)
    return f"{name} {next(_codes)}" if siblings.exists() else name


def give_identity(
    person: Person, issuer: str = ISSUER, subject: str = "", **facts: Any
) -> Identity:
    """A login of the person, who has it beside any other as if those were linked long ago."""
    subject = subject or str(person.public_id)
    if known := Identity.objects.filter(person=person, issuer=issuer, subject=subject).first():
        return known
    if not person.identities.exists():
        return Identity.objects.create(person=person, issuer=issuer, subject=subject, **facts)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger looks
        identity = Identity.objects.create(person=person, issuer=issuer, subject=subject, **facts)
        cursor.execute("SET LOCAL session_replication_role = origin")
    return identity


def grant(
    person: Person,
    role: Role,
    node: Node,
    *,
    amount_limit: Decimal | None = None,
    issuer: str = ISSUER,
) -> RoleGrant:
    """Give the role as a login would."""
    give_identity(person, issuer)
    return RoleGrant.objects.create(
        person=person,
        node=node,
        role=role,
        issuer=issuer,
        valid_from=now() - timedelta(minutes=1),
        valid_until=now() + timedelta(days=1),
        amount_limit=amount_limit,
    )


def administrator_of(node: Node) -> Person:
    """Somebody who administers the node and everything below it."""
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, node)
    return person


def propose(
    person: Person,
    role: Role,
    node: Node,
    *,
    proposed_by: Person | None = None,
    amount_limit: Decimal | None = None,
    age: timedelta = timedelta(),
    begins: timedelta = timedelta(),
) -> RoleProposal:
    """A proposal that waits since ``age`` ago, for the year that begins after ``begins``."""
    moment = now() - age
    return RoleProposal.objects.create(
        person=person,
        node=node,
        role=role,
        amount_limit=amount_limit,
        valid_from=moment + begins,
        valid_until=moment + begins + timedelta(days=365),
        reason="Nieuw in het team",
        proposed_by=proposed_by or administrator_of(node),
        proposed_at=moment,
        expires_at=moment + timedelta(days=14),
    )


def propose_replacement(
    absent: Person, deputy: Person, *, proposed_by: Person | None = None
) -> RoleProposal:
    """A proposal, which waits, that ``deputy`` decides in the place of ``absent`` for a week."""
    moment, node = now(), approved_nodes(absent)[0]
    return RoleProposal.objects.create(
        person=deputy,
        absent=absent,
        node=node,
        role=Role.APPROVER,
        valid_from=moment,
        valid_until=moment + timedelta(days=7),
        reason="Is met vakantie",
        proposed_by=proposed_by or administrator_of(node),
        proposed_at=moment,
        expires_at=moment + timedelta(days=14),
    )


def grant_in_portal(
    person: Person,
    role: Role,
    node: Node,
    *,
    granted_by: Person | None = None,
    amount_limit: Decimal | None = None,
    begins: timedelta = timedelta(),
) -> RoleGrant:
    """Give the role for a year, as one colleague proposed and another decided."""
    proposal = propose(
        person,
        role,
        node,
        proposed_by=PersonFactory(),
        amount_limit=amount_limit,
        begins=begins,
    )
    proposal.state = ProposalState.GRANTED
    proposal.decided_by, proposal.decided_at = granted_by or PersonFactory(), now()
    proposal.save()
    return RoleGrant.objects.create(
        person=person,
        node=node,
        role=role,
        amount_limit=amount_limit,
        granted_by=proposal.decided_by,
        proposal=proposal,
        reason=proposal.reason,
        valid_from=proposal.valid_from,
        valid_until=proposal.valid_until,
    )


def deputize(
    absent: Person, deputy: Person, *, days: int = 14, begins: timedelta = timedelta()
) -> Deputy:
    """Let ``deputy`` decide in the place of ``absent``, who says so, from now or later on."""
    moment = now() + begins
    return Deputy.objects.create(
        absent=absent,
        deputy=deputy,
        appointed_by=absent,
        valid_from=moment,
        valid_until=moment + timedelta(days=days),
    )
