"""The tree of organizations and projects: who looks at it, and who changes it.

Quota administrators of a node change it and what stands below it; auditors look.
"""

from __future__ import annotations

from typing import Any

from django.utils.timezone import localdate

from portal.identity.facts import FactKind
from portal.identity.models import Organization, Role
from tests.authorisation.rows.things import project_itself
from tests.authorisation.vocabulary import Row, act, see
from tests.authorisation.world import Tenant
from tests.factories import make_organization

ADMINISTRATORS = {Role.QUOTA_ADMINISTRATOR}
INSPECTORS = {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR}


def division(tenant: Tenant) -> Organization:
    """A part of the directorate with nothing in it, beside another to which it can move."""
    make_organization(tenant.directorate, name=f"Staf {tenant.marker}")
    return make_organization(tenant.directorate, name=f"Afdeling {tenant.marker}")


def code_of_division(tenant: Tenant) -> dict[str, str]:
    return {"name": "Nieuwe naam", "code": tenant.things[division].code}


def name_of_division(tenant: Tenant) -> dict[str, str]:
    return {"confirmation": tenant.things[division].name}


def id_of_other_division(tenant: Tenant) -> dict[str, str]:
    other = tenant.directorate.children.get(name=f"Staf {tenant.marker}")
    return {"parent": str(other.public_id)}


def an_owner(tenant: Tenant) -> dict[str, Any]:
    """Somebody who has a role there."""
    return {"owner": str(tenant.people[Role.FINANCE].public_id), "starts_on": today()}


def today() -> str:
    return localdate().strftime("%d-%m-%Y")


def _form(route: str, *, of: Any = division, **sent: Any) -> list[Row]:
    """The page with a form, and sending it."""
    return [
        see(route, of=of, by=ADMINISTRATORS),
        act(route, of=of, by=ADMINISTRATORS, answer=303, **sent),
    ]


ROWS = [
    see("catalog:organizations", by=INSPECTORS),
    see("identity:organization", of=division, by=INSPECTORS),
    see("identity:organization", case="that is a project", of=project_itself, by=INSPECTORS),
    *_form("identity:organization-edit", body=code_of_division, is_strong=True),
    *_form(
        "identity:organization-add",
        body={"name": "Team", "code": "nieuw-team"},
        is_strong=True,
    ),
    *_form("identity:project-add", body={"name": "Systeem", "code": "nieuw-systeem"}),
    *_form(
        f"identity:{FactKind.COST_CENTRE}-set",
        body={"code": "4711", "name": "Kosten", "starts_on": today()},
        is_strong=True,
    ),
    *_form(
        f"identity:{FactKind.VAT_TREATMENT}-set",
        body={"treatment": "standard_21", "starts_on": today()},
        is_strong=True,
    ),
    *_form(f"identity:{FactKind.DATA_OWNER}-set", body=an_owner),
    *_form(f"identity:{FactKind.PROJECT_OWNER}-set", of=project_itself, body=an_owner),
    *_form("catalog:node-move", body=id_of_other_division, is_strong=True),
    *_form("catalog:node-end", body=name_of_division, is_strong=True),
    # for programs
    see("organization-list"),
    see("organization-detail", of=division),
    see("project-list"),
    see("project-detail", of=project_itself),
]
