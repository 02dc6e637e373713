"""The costs of a month as rows of FOCUS, read from the database piece by piece."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Model, Q

from billing.focus.rows import (
    Commitment,
    Line,
    Names,
    Row,
    Statement,
    correction_row,
    rounding_row,
    share_row,
    usage_row,
)
from billing.focus.shares import billed_share, running_share_rows
from billing.issuer import find_issuer
from billing.models import LineKind, MeteredResource, Price, Sku, StatementLine, UsageSpan
from billing.models import Statement as BilledStatement
from billing.services.billed import billed_corrections, find_closed, stream_billed
from billing.services.charging import stream_charges
from billing.services.cost_lines import Charge, Position
from billing.services.tag_history import TagHistory
from billing.services.tag_keys import TagChoice
from billing.services.tagged_costs import in_order, share_out
from portal.core.calendar import Period
from portal.core.money import to_cents
from portal.identity.models import Node

# Organization, project, SKU, price, tier; cost centre, cost object, commitment number.
_LineKey = tuple[int, int, int, int, Decimal, str | None, str | None, str | None]


def export_month(
    node_ids: Sequence[int], *, month: Period, as_of: datetime, tag: TagChoice | None = None
) -> Iterator[Row]:
    """Yield a row for each charge, then one for each line that rounding to cents changed.

    A charge during which a tag changed is a row for each of its parts.

    Of a closed month: what was billed, whatever became known since; each row names its statement,
    and those that put an earlier month right come last. What is shared by key is a row for each
    share.

    Use without a price cannot be said in FOCUS, where use without a price does not exist; the
    metadata name its SKUs.

    Args:
        node_ids: organizations (with all that belonged below them at the time) and projects.
        as_of: open use counts until here.
        tag: only what had this value at the time; a line is then rounded to the share in its cents
            that ``billing.services.tagged_costs`` gives it.
    """
    closed = find_closed(month)
    if closed is None:
        charges = stream_charges(node_ids, period=month, as_of=as_of)
        statement = Statement(month=month, issuer=find_issuer())
        yield from _rows(statement, charges, _Found(month), tag)
        if tag is None or tag.value is None:
            yield from running_share_rows(statement, node_ids, as_of=as_of)
        return
    statements = {
        statement.organization_id: statement for statement in closed.statements.defer("document")
    }
    issuers = {str(statement.parties["issuer"]) for statement in statements.values()}
    statement = Statement(month=month, issuer=next(iter(issuers), find_issuer()))
    found = _Found(month, statements)
    yield from _rows(statement, stream_billed(node_ids, month=closed), found, tag)
    if tag and tag.value is not None:
        return  # what is put right is of no resource, and so has no value
    for billed in billed_corrections(node_ids, month=closed):
        line = _line_of(billed)
        if billed.split_key is None:
            yield correction_row(statement, line, billed)
        else:
            yield share_row(statement, line, billed_share(billed, billed.split_key))


def _rows(
    statement: Statement, pieces: Iterable[list[Charge]], found: _Found, tag: TagChoice | None
) -> Iterator[Row]:
    """The rows of charges, in pieces that fit in memory, and of what rounds their lines."""
    exact: dict[_LineKey, dict[str | None, Decimal]] = {}
    history = TagHistory()
    for charges in pieces:
        priced = [charge for charge in charges if charge.price_id is not None]
        found.look_up(priced)
        history.look_up(priced)
        resources = MeteredResource.objects.select_related("cloud").in_bulk(
            {charge.resource_id for charge in priced}
        )
        commitments = _commitments_of(priced)
        for charge in priced:
            key = _line_key(charge)
            by_value = exact.setdefault(key, {})
            line, resource = found.line(key), resources[charge.resource_id]
            for part, tags in history.parts(charge):
                value = tags.get(tag.key) if tag else None
                by_value[value] = by_value.get(value, Decimal(0)) + (part.amount or 0)
                if tag is None or value == tag.value:
                    list_price, committed = found.list_price(part), commitments.get(charge.position)
                    yield usage_row(statement, line, part, resource, list_price, tags, committed)
    chosen = tag.value if tag else None
    for key, by_value in exact.items():
        if rounding := _rounding(by_value, chosen):
            yield rounding_row(statement, found.line(key), rounding)


def _commitments_of(charges: Sequence[Charge]) -> dict[Position, Commitment]:
    """Of the charges that are in a minimum term, by their position, which it is. One query."""
    spans = UsageSpan.objects.filter(
        pk__in={charge.span_id for charge in charges}, term__isnull=False
    )
    in_terms = spans.select_related("term").in_bulk()
    return {
        charge.position: Commitment(public_id=span.term.public_id, is_unused=span.is_unused)
        for charge in charges
        if (span := in_terms.get(charge.span_id))
        and span.term
        and charge.started_at < span.term.ends_at
    }


def _rounding(by_value: Mapping[str | None, Decimal], chosen: str | None) -> Decimal:
    """What is missing of whole cents at what had this value, of a line."""
    values = in_order(by_value)
    parts = [by_value[value] for value in values]
    cents = dict(zip(values, share_out(to_cents(sum(parts, Decimal(0))), parts), strict=True))
    return cents[chosen] - by_value[chosen] if chosen in cents else Decimal(0)


def _line_of(billed: StatementLine) -> Line:
    return Line(
        organization=billed.statement.organization,
        project=billed.project,
        sku=billed.sku,
        names=_names_on(billed.statement, billed.names, billed.sku),
        price=billed.price,
        from_quantity=billed.from_quantity,
        cost_center=billed.cost_center,
        cost_object=billed.cost_object,
        commitment_number=billed.commitment_number,
        invoice=billed.statement.number,
    )


def _names_on(statement: BilledStatement, names: Mapping[str, str], sku: Sku) -> Names:
    """As the statement has them, of one of its lines; the category as it is, where it has none."""
    return Names(
        organization=str(statement.parties["payer"]),
        project=names["project"],
        sku=names["sku_en"],
        category=names.get("category", sku.service_category),
        subcategory=names.get("subcategory", sku.service_subcategory),
    )


class _Found:
    """What charges point at, kept for the next ones: there are few of them, and many charges.

    ``statements``: of a closed month, by who pays.
    """

    def __init__(
        self, month: Period, statements: Mapping[int, BilledStatement] | None = None
    ) -> None:
        self._statements = statements or {}
        self._names: dict[tuple[int, int, int], Mapping[str, str]] = {}
        self._nodes: dict[int, Node] = {}
        self._skus: dict[int, Sku] = {}
        self._prices: dict[int, Price] = {}
        self._for_everybody = _prices_for_everybody(month)

    def look_up(self, charges: Sequence[Charge]) -> None:
        """Fetch what is not known yet. At most four queries."""
        projects = {one.project_id for one in charges} - self._nodes.keys()
        if self._statements and projects:
            self._look_up_names(projects)
        _add(self._nodes, Node, {pk for one in charges for pk in _line_key(one)[:2]})
        _add(self._skus, Sku, {one.sku_id for one in charges})
        _add(self._prices, Price, {one.price_id for one in charges})

    def _look_up_names(self, project_ids: Collection[int]) -> None:
        """As they stand on the lines of use of these projects."""
        lines = StatementLine.objects.filter(
            statement__in=[statement.pk for statement in self._statements.values()],
            project__in=project_ids,
            kind=LineKind.USAGE,
        )
        of_lines = lines.values_list("statement__organization_id", "project_id", "sku_id", "names")
        self._names |= {(payer, project, sku): names for payer, project, sku, names in of_lines}

    def line(self, key: _LineKey) -> Line:
        organization_id, project_id, sku_id, price_id, tier, center, cost_object, commitment = key
        statement = self._statements.get(organization_id)
        return Line(
            organization=self._nodes[organization_id],
            project=self._nodes[project_id],
            sku=self._skus[sku_id],
            names=self._names_of(organization_id, project_id, sku_id),
            price=self._prices[price_id],
            from_quantity=tier,
            cost_center=center,
            cost_object=cost_object,
            commitment_number=commitment,
            invoice=statement.number if statement else None,
        )

    def _names_of(self, organization_id: int, project_id: int, sku_id: int) -> Names:
        sku = self._skus[sku_id]
        if statement := self._statements.get(organization_id):
            names = self._names[organization_id, project_id, sku_id]
            return _names_on(statement, names, sku)
        return Names.now(self._nodes[organization_id], self._nodes[project_id], sku)

    def list_price(self, charge: Charge) -> Decimal | None:
        """What everybody paid when the use began, for the same unit.

        Of a price with tiers: where the tier of the charge begins. A price of another unit cannot
        be multiplied by the same quantity, so it is none; one that changes while an organization's
        own price holds is told from the next charge on.
        """
        return next(
            (
                _amount_at(price, charge.from_quantity)
                for price in self._for_everybody.get(charge.sku_id, ())
                if price.unit == charge.unit and _holds(price, charge.started_at)
            ),
            None,
        )


def _prices_for_everybody(month: Period) -> dict[int, list[Price]]:
    """By SKU, those that hold at some time in the month."""
    is_later = Q(valid_until=None) | Q(valid_until__gt=month.start)
    by_sku: dict[int, list[Price]] = {}
    for price in Price.objects.filter(is_later, organization=None, valid_from__lt=month.end):
        by_sku.setdefault(price.sku_id, []).append(price)
    return by_sku


def _amount_at(price: Price, quantity: Decimal) -> Decimal:
    """What a further unit costs once so many were used."""
    return [one.amount for one in price.unit_price.steps if one.from_quantity <= quantity][-1]


def _holds(price: Price, at: datetime) -> bool:
    return price.valid_from <= at and (price.valid_until is None or at < price.valid_until)


def _line_key(charge: Charge) -> _LineKey:
    assert charge.price_id is not None  # noqa: S101  (only what was charged is on a line)
    return (
        charge.organization_id,
        charge.project_id,
        charge.sku_id,
        charge.price_id,
        charge.from_quantity,
        charge.cost_center,
        charge.cost_object,
        charge.commitment_number,
    )


def _add(known: dict[int, Any], model: type[Model], keys: set[Any]) -> None:
    if unknown := keys - known.keys():
        known.update(model._default_manager.in_bulk(unknown))
