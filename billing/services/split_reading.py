"""Which keys hold in a month, and where those who bear a part stand in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, LiteralString

from django.db.models import Prefetch, Q

from billing.models import SHARED_SKU, Sku, SplitKey, SplitRecipient
from billing.services.charge_query import ChargeQuery, Slice
from billing.services.tree_history import last_second
from billing.splitting import Method
from portal.core.calendar import Period
from portal.identity.models.proposed import DecisionState

_PLACES: Final[LiteralString] = """
SELECT project_id, organization_id, cost_center, cost_object, commitment_number
FROM project_allocation WHERE period @> %(moment)s
"""
_PAYERS: Final[LiteralString] = """
SELECT organization_id FROM covered WHERE periods @> %(moment)s
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Who pays for a project at the end of a month, and what its costs fall under then."""

    organization_id: int
    cost_center: str | None
    cost_object: str | None
    commitment_number: str | None


@dataclass(frozen=True, kw_only=True)
class HeldKey:
    """A key as it holds in some month.

    Attributes:
        recipients: primary keys of projects by their public ids, by which shares are placed.
        percentages: by public id; empty of other methods.
    """

    pk: int
    source_id: int
    method: Method
    recipients: Mapping[str, int]
    percentages: Mapping[str, Decimal]

    @property
    def projects(self) -> set[int]:
        """All that it is about."""
        return {self.source_id, *self.recipients.values()}


def keys_in(months: Collection[Period]) -> dict[Period, list[HeldKey]]:
    """The keys that hold in each of these months; months without any are left out.

    One query where no key holds, as nearly everywhere; else two.
    """
    starts = [month.start for month in months]
    if not starts:
        return {}
    held = SplitKey.objects.filter(
        Q(valid_until=None) | Q(valid_until__gt=min(starts)),
        state=DecisionState.CONFIRMED,
        ends=None,
        valid_from__lte=max(starts),
    )
    recipients = Prefetch("recipients", SplitRecipient.objects.select_related("project"))
    keys = list(held.prefetch_related(recipients).order_by("pk"))
    found = {
        month: [held_key(key) for key in keys if key.holds_at(month.start)] for month in months
    }
    return {month: some for month, some in found.items() if some}


def held_key(key: SplitKey) -> HeldKey:
    """The key, with its recipients."""
    recipients = list(key.recipients.all())
    return HeldKey(
        pk=key.pk,
        source_id=key.source_id,
        method=Method(key.method),
        recipients={str(one.project.public_id): one.project_id for one in recipients},
        percentages={
            str(one.project.public_id): one.percentage
            for one in recipients
            if one.percentage is not None
        },
    )


def places_in(project_ids: Collection[int], month: Period) -> dict[int, Place]:
    """Where projects stand in the last second of a month, by all that is known now. One query."""
    return {
        project_id: Place(
            organization_id=organization_id,
            cost_center=cost_center,
            cost_object=cost_object,
            commitment_number=commitment_number,
        )
        for project_id, organization_id, cost_center, cost_object, commitment_number in _fetch(
            _PLACES, project_ids, month
        )
    }


def payers_at_end(node_ids: Collection[int], month: Period) -> set[int]:
    """The organizations that stand in these branches in the last second of a month. One query."""
    return {pk for (pk,) in _fetch(_PAYERS, node_ids, month)}


def _fetch(
    select: LiteralString, node_ids: Collection[int], month: Period
) -> list[tuple[Any, ...]]:
    query = ChargeQuery(
        node_ids=sorted(node_ids),
        slices=[Slice(period=month, month_seconds=month.seconds)],
        as_of=month.end,
        until=month.end,
        reads_charges=False,
    )
    return query.fetch(select, moment=last_second(month))


def projects_of(keys: Sequence[HeldKey]) -> set[int]:
    """All that these keys are about."""
    return {pk for key in keys for pk in key.projects}


def shared_sku() -> Sku:
    """The SKU of every share, which there is since the first key was proposed."""
    return Sku.objects.get_or_create(
        code=SHARED_SKU,
        defaults={
            "name_nl": "Gedeelde kosten",
            "name_en": "Shared costs",
            "service_category": "Other",
            "service_subcategory": "Other (Other)",
        },
    )[0]
