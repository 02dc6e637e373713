"""Minimum terms: what begins to be used at a price that has one is due until the term ends.

Call inside the transaction that locked the resource, and changes what is used of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from billing.models import MeteredResource, MinimumTerm, Sku, UsageSpan
from billing.services.price_book import nearest_prices
from portal.core.calendar import months_later

TermsBySku = dict[int, MinimumTerm]


def terms_at(resource: MeteredResource, moment: datetime) -> TermsBySku:
    """Those that run at ``moment``, by primary key of the SKU. One query."""
    running = resource.terms.filter(started_at__lte=moment, ends_at__gt=moment)
    return {term.sku_id: term for term in running}


def begin_terms(
    resource: MeteredResource,
    quantities: Iterable[tuple[Sku, Decimal]],
    moment: datetime,
    agreed_months: Mapping[str, int],
) -> TermsBySku:
    """Begin a term of each SKU whose price has one then, for who pays for the project now.

    Nobody is bound by what they did not agree to: what became the price after it was ordered, or
    of what nobody ordered, begins none, and no term is longer than was agreed.

    Args:
        quantities: of which use begins; not of what goes on, or comes back.
        agreed_months: by code of the SKU, for how long at least it was agreed to be due.
    """
    begins = {
        sku.code: (sku, quantity) for sku, quantity in quantities if agreed_months.get(sku.code)
    }
    if not begins:
        return {}
    prices = nearest_prices(resource.project.lineage_ids, at=moment, skus=begins)
    terms = [
        MinimumTerm(
            resource=resource,
            sku=begins[code][0],
            price=price,
            quantity=begins[code][1],
            started_at=moment,
            ends_at=months_later(moment, min(price.minimum_months, agreed_months[code])),
        )
        for code, price in prices.items()
        if price.minimum_months
    ]
    return {term.sku_id: term for term in MinimumTerm.objects.bulk_create(terms)}


def settle_terms(resource: MeteredResource, sku_ids: Collection[int]) -> None:
    """Have what is due and not used be a span of its own, until the term ends; no more than that.

    Looks at what is used of these SKUs by now, so it may be repeated. A term whose use lasted no
    second (it was undone) never was.
    """
    terms = resource.terms.filter(sku__in=sku_ids, ends_at__gt=F("started_at"))
    for term in terms.order_by("started_at"):
        last = resource.spans.filter(sku=term.sku_id, is_unused=False).latest("started_at", "pk")
        held = Decimal(0) if last.ended_at else last.quantity
        since = last.ended_at or last.started_at
        if since >= term.ends_at:
            continue
        if not held and _was_never_used(term):
            MinimumTerm.objects.filter(pk=term.pk).update(ends_at=F("started_at"))
            continue
        _owe(term, max(Decimal(0), term.quantity - held), since, last)


def release_terms(resources: Iterable[MeteredResource]) -> None:
    """Nothing is due of these, nor was it ever, that is not used. May be repeated."""
    _cut(UsageSpan.objects.filter(resource__in=list(resources), is_unused=True))


def _was_never_used(term: MinimumTerm) -> bool:
    return not term.spans.exclude(ended_at=F("started_at")).exists()


def _owe(term: MinimumTerm, quantity: Decimal, since: datetime, last: UsageSpan) -> None:
    """From ``since`` until the end of the term so much is due that is not used."""
    owed = term.spans.filter(is_unused=True, ended_at__gt=since)
    for span in owed:
        if span.quantity == quantity:
            return
    _cut(owed, since)
    if quantity:
        UsageSpan.objects.create(
            resource_id=term.resource_id,
            sku_id=term.sku_id,
            term=term,
            quantity=quantity,
            started_at=since,
            ended_at=term.ends_at,
            is_beginning=False,
            is_unused=True,
            start_facts=last.end_facts or last.start_facts,
        )


def _cut(unused: QuerySet[UsageSpan], moment: datetime | None = None) -> None:
    """Have them end at ``moment``, or where they began: that costs nothing then.

    What ends there already is left alone, for a trigger refuses a cut that cuts nothing off.
    """
    until = F("started_at") if moment is None else Greatest(F("started_at"), moment)
    unused.filter(ended_at__gt=until).update(ended_at=until)
