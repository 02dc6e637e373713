"""What things cost: seen by who sees costs, set by finance of the one organization that may."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from django.utils.timezone import now

from billing.models import PriceList, PriceUnit, Sku, TariffRound, TariffRoundLine
from billing.services.tariff_drafts import months_to_begin
from portal.identity.models import Person, Role
from portal.identity.models.proposed import DecisionState
from tests.authorisation.vocabulary import NOBODY, Change, Row, act, call, see
from tests.authorisation.world import Tenant
from tests.factories.billing import SkuFactory, set_price

PAYERS: Final = {Role.FINANCE, Role.APPROVER, Role.AUDITOR}
SETTERS: Final = {Role.FINANCE}
READERS: Final = {Role.FINANCE, Role.AUDITOR}
OF_ROUND: Final = {"by": SETTERS, "seen_by": READERS, "shows_organizations": True}

OF_SKUS: Final = {"seen_by": READERS, "unseen": 403, "shows_organizations": True}


def own_price(tenant: Tenant) -> str:
    """Code of a SKU that only this tenant has a price for. A page of an error repeats it."""
    code = f"dienst-{tenant.directorate.pk}"
    set_price("12.50", sku=code, organization=tenant.directorate)
    return code


def round_of_colleague(tenant: Tenant) -> TariffRound:
    """Waits for another than the colleague who proposed it."""
    return _proposed(tenant, "tarieven", tenant.all_rounder)


def own_round(tenant: Tenant) -> TariffRound:
    """Proposed by who comes by from finance."""
    return _proposed(tenant, "eigen-tarieven", tenant.people[Role.FINANCE])


def planned_round(tenant: Tenant) -> TariffRound:
    """Confirmed, and still to begin."""
    planned = _proposed(tenant, "gepland", tenant.people[Role.FINANCE])
    planned.state, planned.decided_by = DecisionState.CONFIRMED, tenant.all_rounder
    planned.decided_at = now()
    planned.price_list = PriceList.objects.create(name=planned.name)
    planned.save()
    return planned


def new_round(tenant: Tenant) -> dict[str, Any]:
    """A complete form, for the tenant's directorate."""
    return {
        "name": "Andere tarieven",
        "organization": str(tenant.directorate.public_id),
        "valid_from": months_to_begin(now())[1].start.strftime("%Y-%m"),
        "prices.server.gp.small": "41",
        "propose": "yes",
    }


def new_round_of_program(tenant: Tenant) -> dict[str, Any]:
    """The same for the interface for programs."""
    form = new_round(tenant)
    return {
        **{name: form[name] for name in ("name", "organization", "valid_from")},
        "prices": [{"sku": "server.gp.small", "unit": "month", "amount": "41"}],
    }


def _proposed(tenant: Tenant, word: str, person: Person) -> TariffRound:
    proposed = TariffRound.objects.create(
        name=tenant.named(word),
        organization=tenant.directorate,
        valid_from=months_to_begin(now())[0].start,
        line_count=1,
        proposed_by=person,
        proposed_at=now(),
    )
    sku: Sku = SkuFactory(code="server.gp.small")
    TariffRoundLine.objects.create(
        round=proposed, sku=sku, unit=PriceUnit.MONTH, amount=Decimal(40)
    )
    return proposed


def unused_sku(tenant: Tenant) -> str:
    """Code of a SKU without a price."""
    names = dict.fromkeys(("name_nl", "name_en"), tenant.named("gpu"))
    sku: Sku = SkuFactory(code=f"server.{tenant.directorate.pk}/gpu", **names)
    return sku.code


def new_sku(tenant: Tenant) -> dict[str, Any]:
    """A complete form."""
    return {
        "code": "server.g1.large",
        "name_nl": "Server met GPU",
        "name_en": "Server with GPU",
        "service_subcategory": "Virtual Machines",
    }


def new_sku_of_program(tenant: Tenant) -> dict[str, Any]:
    """The same for the interface for programs."""
    return {**new_sku(tenant), "service_category": "Compute"}


def node_of_directorate(tenant: Tenant) -> dict[str, str]:
    return {"node": str(tenant.directorate.public_id)}


def directorate_long_ago(tenant: Tenant) -> dict[str, str]:
    return {**node_of_directorate(tenant), "at": "2025-06-01T00:00:00Z"}


ROWS = [
    see("billing:tariffs", by=PAYERS, shows_organizations_to=READERS),
    see("billing:tariff-history", of=own_price, by=PAYERS, seen_by=PAYERS, asks_role_first=True),
    see("billing:tariffs-sheet", arguments=("csv",), by=PAYERS, shows_organizations_to=READERS),
    see(
        "billing:tariff-history-sheet",
        of=own_price,
        arguments=("csv",),
        by=PAYERS,
        seen_by=PAYERS,
        asks_role_first=True,
    ),
    see("price-list", by=set(Role), shows_organizations_to=READERS),
    see(
        "price-list",
        case="of a node",
        query=node_of_directorate,
        by=set(Role),
        unseen=404,
        asks_role_first=True,
    ),
    see(
        "price-list",
        case="of a node at another moment",
        query=directorate_long_ago,
        by=PAYERS,
        unseen=404,
        but={NOBODY: 403},
    ),
    see("billing:skus", by=READERS, **OF_SKUS),
    see("billing:skus-sheet", arguments=("csv",), by=READERS, **OF_SKUS),
    see("billing:sku-new", by=SETTERS, seen_by=SETTERS, unseen=403),
    act("billing:sku-new", body=new_sku, by=SETTERS, seen_by=SETTERS, unseen=403),
    see("billing:sku-edit", of=unused_sku, by=SETTERS, seen_by=READERS),
    act("billing:sku-edit", of=unused_sku, body=new_sku, by=SETTERS, seen_by=READERS),
    act("billing:sku-remove", of=unused_sku, by=SETTERS, seen_by=READERS),
    see("sku-list", by=READERS, **OF_SKUS),
    see("sku-detail", of=unused_sku, by=READERS, seen_by=READERS),
    see("missing-sku-list", by=READERS, seen_by=READERS, unseen=403),
    call("sku-list", body=new_sku_of_program, by=SETTERS, seen_by=SETTERS, unseen=403),
    Row(
        method="PATCH",
        route="sku-detail",
        of=unused_sku,
        body={"name_en": "Other"},
        by=SETTERS,
        seen_by=READERS,
        unseen=404,
        changes=Change.FACTS,
    ),
    Row(
        method="DELETE",
        route="sku-detail",
        of=unused_sku,
        by=SETTERS,
        seen_by=READERS,
        unseen=404,
        answer=204,
        changes=Change.FACTS,
    ),
    see("billing:tariff-rounds", by=READERS, seen_by=READERS, unseen=403, shows_organizations=True),
    see(
        "billing:tariff-round-new",
        by=SETTERS,
        seen_by=SETTERS,
        unseen=403,
        shows_organizations=True,
    ),
    act("billing:tariff-round-new", body=new_round, by=SETTERS, seen_by=SETTERS, unseen=403),
    see("billing:tariff-round", of=round_of_colleague, by=READERS, seen_by=READERS),
    see(
        "billing:tariff-round-prices",
        of=round_of_colleague,
        arguments=("csv",),
        by=READERS,
        seen_by=READERS,
    ),
    see(
        "billing:tariff-round-payers",
        of=round_of_colleague,
        arguments=("csv",),
        by=READERS,
        seen_by=READERS,
    ),
    act("billing:tariff-round-confirm", of=round_of_colleague, is_strong=True, **OF_ROUND),
    act(
        "billing:tariff-round-refuse",
        of=round_of_colleague,
        body={"reason": "Te duur."},
        is_strong=True,
        **OF_ROUND,
    ),
    act("billing:tariff-round-withdraw", of=planned_round, **OF_ROUND),
    act("billing:tariff-round-take-back", of=own_round, **OF_ROUND),
    see("tariff-round-list", by=READERS, seen_by=READERS, unseen=403, shows_organizations=True),
    call(
        "tariff-round-list",
        body=new_round_of_program,
        by=SETTERS,
        seen_by=SETTERS,
        unseen=403,
        shows_organizations=True,
    ),
    see("tariff-round-detail", of=round_of_colleague, by=READERS, seen_by=READERS),
    see("tariff-round-effect", of=round_of_colleague, by=READERS, seen_by=READERS),
    call(
        "tariff-round-decision",
        of=round_of_colleague,
        body={"decision": "confirmed"},
        answer=200,
        is_strong=True,
        **OF_ROUND,
    ),
    call("tariff-round-withdrawal", of=own_round, answer=200, **OF_ROUND),
    call("tariff-round-end", of=planned_round, **OF_ROUND),
]
