"""Keys by which costs are shared: seen by who sees the costs, agreed by finance of all of them."""

from __future__ import annotations

from typing import Any, Final

from django.utils.timezone import now

from billing.models import SplitKey, SplitMethod, SplitRecipient
from billing.services.split_reading import shared_sku
from billing.services.tariff_drafts import months_to_begin
from portal.identity.models import Person, Project, Role
from portal.identity.models.proposed import DecisionState
from tests.authorisation.vocabulary import act, call, see
from tests.authorisation.world import Tenant
from tests.factories import make_organization, make_project

PAYERS: Final = {Role.FINANCE, Role.APPROVER, Role.AUDITOR}
FINANCE: Final = {Role.FINANCE}
OF_OTHERS: Final = {
    "case": "with others",
    "by": PAYERS,
    "asks_role_first": True,
    "shows_organizations_to": FINANCE,
}
OF_KEY: Final = {"by": FINANCE, "seen_by": PAYERS}


def key_of_colleague(tenant: Tenant) -> SplitKey:
    """Waits for another than the colleague who proposed it."""
    return _proposed(tenant, tenant.all_rounder)


def own_key(tenant: Tenant) -> SplitKey:
    """Proposed by who comes by from finance."""
    return _proposed(tenant, tenant.people[Role.FINANCE])


def agreed_key(tenant: Tenant) -> SplitKey:
    """Confirmed, and still to begin."""
    key = _proposed(tenant, tenant.people[Role.FINANCE])
    key.state, key.decided_by, key.decided_at = DecisionState.CONFIRMED, tenant.all_rounder, now()
    key.save()
    return key


def key_that_others_bear_too(tenant: Tenant) -> SplitKey:
    """Another bears a part, who has the marker of another tenant in their name.

    It is nobody's here: who comes by from that tenant would reach the key as well.
    """
    others = Project.objects.filter(name__endswith="-systeem").exclude(pk=tenant.project.pk)
    name = f"{others.order_by('pk')[0].name}-buiten"
    return _proposed(tenant, tenant.all_rounder, make_project(make_organization(), name=name))


def new_key(tenant: Tenant) -> dict[str, Any]:
    """A complete form, for two projects of the tenant that are there already."""
    proposer = tenant.people[Role.FINANCE]
    source = SplitKey.objects.get(proposed_by=proposer, state=DecisionState.PROPOSED).source
    return {
        "source": str(source.public_id),
        "method": SplitMethod.EQUAL.value,
        "valid_from": _months()[1],
        "valid_until": "",
        "reason": "Gedeelde dienst",
        "project_0": str(tenant.project.public_id),
    }


def new_key_of_program(tenant: Tenant) -> dict[str, Any]:
    """The same for the interface for programs."""
    form = new_key(tenant)
    return {
        **{name: form[name] for name in ("source", "method", "valid_from", "reason")},
        "recipients": [{"project": form["project_0"]}],
    }


def ending(tenant: Tenant) -> dict[str, Any]:
    return {"valid_from": _months()[1], "reason": "Klaar"}


def _months() -> list[str]:
    return [month.start.strftime("%Y-%m") for month in months_to_begin(now())]


def _project(tenant: Tenant, word: str) -> Project:
    found = Project.objects.filter(name=tenant.named(word)).first()
    return found or make_project(tenant.directorate, name=tenant.named(word))


def _proposed(tenant: Tenant, person: Person, *others: Project) -> SplitKey:
    shared_sku()
    count = SplitKey.objects.count()
    key = SplitKey.objects.create(
        source=_project(tenant, f"gedeeld-{count}"),
        method=SplitMethod.EQUAL,
        reason="Gedeelde dienst",
        valid_from=months_to_begin(now())[0].start,
        recipient_count=1 + len(others),
        proposed_by=person,
        proposed_at=now(),
    )
    for project in (tenant.project, *others):
        SplitRecipient.objects.create(key=key, project=project)
    return key


ROWS = [
    see("billing:split-keys", by=PAYERS, shows_organizations_to=FINANCE),
    see("billing:split-key-new", by=FINANCE, shows_organizations_to=FINANCE),
    act(
        "billing:split-key-new",
        body=new_key,
        by=FINANCE,
        seen_by=FINANCE,
        unseen=422,
        asks_role_first=True,
    ),
    see("billing:split-key", of=key_of_colleague, by=PAYERS, asks_role_first=True),
    see(
        "billing:split-key-sheet",
        of=key_of_colleague,
        arguments=("csv",),
        by=PAYERS,
        asks_role_first=True,
    ),
    see("billing:split-key", of=key_that_others_bear_too, **OF_OTHERS),
    act("billing:split-key-confirm", of=key_of_colleague, is_strong=True, **OF_KEY),
    act(
        "billing:split-key-refuse",
        of=key_of_colleague,
        body={"reason": "Te duur."},
        is_strong=True,
        **OF_KEY,
    ),
    act("billing:split-key-take-back", of=own_key, **OF_KEY),
    act("billing:split-key-end", of=agreed_key, body=ending, **OF_KEY),
    see("split-key-list", by=PAYERS, shows_organizations_to=FINANCE),
    call(
        "split-key-list",
        body=new_key_of_program,
        by=FINANCE,
        seen_by=FINANCE,
        unseen=404,
        asks_role_first=True,
    ),
    see("split-key-detail", of=key_of_colleague, by=PAYERS, asks_role_first=True),
    see("split-key-detail", of=key_that_others_bear_too, **OF_OTHERS),
    call(
        "split-key-decision",
        of=key_of_colleague,
        body={"decision": "confirmed"},
        answer=200,
        is_strong=True,
        **OF_KEY,
    ),
    call("split-key-withdrawal", of=own_key, answer=200, **OF_KEY),
    call("split-key-end", of=agreed_key, body=ending, **OF_KEY),
]
