"""Roles, the people who hold them, and who stands in for whom.

Quota administrators give and end roles; auditors and operators see who has which; nobody else does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.timezone import localdate, now

from portal.identity.models import (
    ClaimBar,
    Deputy,
    LinkProposal,
    Person,
    Role,
    RoleGrant,
    RoleProposal,
)
from portal.identity.services.links import WantedLink, confirm_link, propose_link
from portal.identity.services.people import end_person
from tests.authorisation.rows.things import employee, project_itself
from tests.authorisation.vocabulary import CHIEF, MINISTRY, Row, act, see
from tests.authorisation.world import Tenant
from tests.factories import (
    PersonFactory,
    administrator_of,
    grant,
    propose,
    propose_replacement,
)

ADMINISTRATORS = {Role.QUOTA_ADMINISTRATOR}
OVERSEERS = {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR, Role.OPERATOR}
REASON = {"reason": "Werkt hier niet meer."}


def held_role(tenant: Tenant) -> RoleGrant:
    return tenant.asker.grants.get()


def proposal(tenant: Tenant) -> RoleProposal:
    """Made by somebody whom no visitor is."""
    return propose(tenant.asker, Role.FINANCE, tenant.project)


def proposal_of_administrator(tenant: Tenant) -> RoleProposal:
    administrator = tenant.people[Role.QUOTA_ADMINISTRATOR]
    return propose(tenant.asker, Role.APPROVER, tenant.project, proposed_by=administrator)


def replacement(tenant: Tenant) -> RoleProposal:
    """The auditor would decide for the approver; made by somebody whom no visitor is."""
    return propose_replacement(tenant.people[Role.APPROVER], tenant.people[Role.AUDITOR])


def bar(tenant: Tenant) -> ClaimBar:
    """The claim may not give somebody a role of which the directorate itself decides."""
    return ClaimBar.objects.create(
        person=tenant.people[Role.FINANCE],
        node=tenant.directorate,
        role=Role.REQUESTER,
        issuer="https://idp.example.nl",
        reason="Andere taak",
        barred_by=PersonFactory(),
        barred_at=now(),
    )


def approver(tenant: Tenant) -> Person:
    return tenant.people[Role.APPROVER]


def leaver(tenant: Tenant) -> Person:
    person = PersonFactory(name=f"Vertrokken {tenant.marker}")
    grant(person, Role.REQUESTER, tenant.directorate)
    administrator = tenant.people[Role.QUOTA_ADMINISTRATOR]
    return end_person(person.public_id, actor=administrator, reason="Met pensioen")


def deputy_of_next_week(tenant: Tenant) -> Deputy:
    """Finance decides for the approver, but not yet: else that visitor were an approver too."""
    begins = now() + timedelta(days=7)
    return Deputy.objects.create(
        absent=tenant.people[Role.APPROVER],
        deputy=tenant.people[Role.FINANCE],
        valid_from=begins,
        valid_until=begins + timedelta(days=7),
        appointed_by=tenant.people[Role.APPROVER],
    )


def link(tenant: Tenant) -> LinkProposal:
    """That two logins are of one human; proposed by somebody whom no visitor is."""
    return propose_link(
        WantedLink(holder=_login_of(tenant, "derde"), receiver=tenant.asker, **REASON),
        actor=administrator_of(tenant.ministry),
    )


def link_of_administrator(tenant: Tenant) -> LinkProposal:
    return propose_link(
        WantedLink(holder=_login_of(tenant, "vierde"), receiver=tenant.asker, **REASON),
        actor=tenant.people[Role.QUOTA_ADMINISTRATOR],
    )


def joined(tenant: Tenant) -> Person:
    """Whose login was linked to the asker's already."""
    person = _login_of(tenant, "vijfde")
    first, second = (administrator_of(tenant.ministry) for _ in range(2))
    wanted = WantedLink(holder=person, receiver=tenant.asker, **REASON)
    confirm_link(propose_link(wanted, actor=first).public_id, actor=second)
    return person


def with_two_logins(tenant: Tenant) -> Person:
    """Who is known by another provider, too: ``a_second_login``."""
    _login_of(tenant, "tweede")
    return tenant.asker


def a_second_login(tenant: Tenant) -> dict[str, Any]:
    second = Person.objects.get(name=tenant.named("tweede"))
    return {"holder": str(second.public_id), **REASON}


def wanted_role(tenant: Tenant) -> dict[str, Any]:
    return {"person": str(tenant.asker.public_id), "role": "auditor", **_days(), **REASON}


def a_colleague(tenant: Tenant) -> dict[str, Any]:
    return {"deputy": str(tenant.asker.public_id), **_days()}


def a_proposed_colleague(tenant: Tenant) -> dict[str, Any]:
    return {**a_colleague(tenant), **REASON}


def _login_of(tenant: Tenant, word: str) -> Person:
    """The asker, as another provider knows them."""
    person: Person = PersonFactory(name=tenant.named(word))
    grant(person, Role.REQUESTER, tenant.directorate, issuer="https://elders.example.nl")
    return person


def _search(route: str, **changes: Any) -> Row:
    """The same page when somebody searches: in the whole ministry."""
    return see(route, case="search", query={"q": "directie"}, shows_colleagues=True, **changes)


def _days() -> dict[str, str]:
    first = localdate()
    days = {"first_day": first, "last_day": first + timedelta(days=7)}
    return {name: day.strftime("%d-%m-%Y") for name, day in days.items()}


def _form(route: str, *, of: Any, get: dict[str, Any] | None = None, **both: Any) -> list[Row]:
    """The page with a form, and sending it. ``both``: of the row that sends."""
    common = {"of": of, "by": ADMINISTRATORS, **(get or {})}
    return [see(route, **common), act(route, **common, **both)]


ROWS = [
    # roles
    see("identity:roles", of=project_itself, by=OVERSEERS),
    *_form(
        "identity:role-propose",
        of=project_itself,
        body=wanted_role,
    ),
    _search("identity:role-propose", of=project_itself, by=ADMINISTRATORS),
    *_form(
        "identity:role-end",
        of=held_role,
        get={"seen_by": OVERSEERS},
        body=REASON,
        is_strong=True,
    ),
    act(
        "identity:claim-bar-lift",
        of=bar,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
        is_strong=True,
    ),
    see("identity:without-owner", by=OVERSEERS),
    # proposals
    see("identity:role-proposals", by=OVERSEERS),
    see("identity:role-proposal", of=proposal, seen_by=OVERSEERS),
    act(
        "identity:role-proposal-grant",
        of=proposal,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
        is_strong=True,
    ),
    act(
        "identity:role-proposal-refuse",
        of=proposal,
        body=REASON,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
    ),
    act(
        "identity:role-proposal-withdraw",
        of=proposal_of_administrator,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
        but={CHIEF: 403},  # administers there, but did not make it
    ),
    # a deputy whom somebody else proposed
    see(
        "identity:role-proposal",
        case="deputy",
        of=replacement,
        seen_by={*OVERSEERS, Role.APPROVER},
    ),
    act(
        "identity:role-proposal-grant",
        case="deputy",
        of=replacement,
        seen_by={*OVERSEERS, Role.APPROVER},
        by={*ADMINISTRATORS, Role.APPROVER},
        is_strong=True,
    ),
    act(
        "identity:role-proposal-refuse",
        case="deputy",
        of=replacement,
        body=REASON,
        seen_by={*OVERSEERS, Role.APPROVER},
        by={*ADMINISTRATORS, Role.APPROVER},
    ),
    # people
    see("identity:people", by=OVERSEERS),
    see("identity:person", of=employee, seen_by=OVERSEERS),
    *_form(
        "identity:person-end",
        of=employee,
        get={"seen_by": OVERSEERS},
        body=REASON,
        is_strong=True,
    ),
    act(
        "identity:person-reinstate",
        of=leaver,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
        is_strong=True,
    ),
    *_form(
        "identity:person-deputy",
        of=approver,
        get={"seen_by": OVERSEERS},
        body=a_proposed_colleague,
    ),
    _search("identity:person-deputy", of=approver, seen_by=OVERSEERS, by=ADMINISTRATORS),
    *_form(
        "identity:person-link",
        of=with_two_logins,
        get={"seen_by": OVERSEERS},
        body=a_second_login,
    ),
    _search("identity:person-link", of=employee, seen_by=OVERSEERS, by=ADMINISTRATORS),
    *_form(
        "identity:person-unlink",
        of=joined,
        get={"seen_by": OVERSEERS},
        body=REASON,
    ),
    see("identity:identity-link", of=link, seen_by=OVERSEERS),
    act(
        "identity:identity-link-confirm",
        of=link,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
        is_strong=True,
    ),
    act(
        "identity:identity-link-refuse",
        of=link,
        body=REASON,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
        is_strong=True,
    ),
    act(
        "identity:identity-link-withdraw",
        of=link_of_administrator,
        seen_by=OVERSEERS,
        by=ADMINISTRATORS,
        but={CHIEF: 403},  # administers there, but did not make it
    ),
    act(
        "identity:deputy-end",
        of=deputy_of_next_week,
        seen_by={*OVERSEERS, Role.APPROVER, Role.FINANCE},
        by={*ADMINISTRATORS, Role.APPROVER, Role.FINANCE},
    ),
    # one's own account
    see("identity:account"),
    see("identity:account-deputy"),
    _search("identity:account-deputy"),
    act(
        "identity:account-deputy",
        body=a_colleague,
        by={Role.APPROVER},
        refused=422,
        seen_from=MINISTRY,
        unseen=422,
        is_strong=True,
    ),
    # for programs
    see("role-grant-list", by=OVERSEERS),
]
