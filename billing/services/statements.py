"""Writing the statements of a month, inside the transaction that closes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, LiteralString

from django.db.models import Max, Sum

from billing.issuer import find_issuer
from billing.models import (
    BillingMonth,
    Credit,
    LineKind,
    Price,
    Sku,
    Statement,
    StatementLine,
)
from billing.services.corrections import (
    QUANTITY_IN_UNIT,
    Correction,
    query_of_everybody,
)
from billing.services.cost_lines import CostLine
from billing.services.digests import write_digests
from billing.services.share_lines import last_positions, write_shares
from portal.core.models import is_in_force
from portal.core.money import CURRENCY
from portal.identity.models import Node, Organization, Project, VatTreatmentPeriod
from portal.identity.platform import platform_organization

# One command, so that statements, lines and what is behind them are of one look at the usage.
_WRITE: Final[LiteralString] = f"""
, payer AS (
    SELECT organization_id FROM charge WHERE price_id IS NOT NULL
    UNION
    SELECT unnest(%(others)s::bigint[])
),
statement AS (
    INSERT INTO billing_statement (
        public_id, month_id, organization_id, year, sequence, issued_at, currency, total,
        parties, document, document_sha256
    )
    SELECT
        gen_random_uuid(), %(month)s, payer.organization_id, %(year)s,
        %(last_sequence)s + row_number() OVER (ORDER BY node.name, payer.organization_id),
        %(issued_at)s, %(currency)s, 0, '{{}}', '', ''
    FROM payer
    JOIN identity_node AS node ON node.id = payer.organization_id
    RETURNING id, organization_id
),
together AS (
    SELECT organization_id, project_id, sku_id, price_id, unit, unit_price, from_quantity,
           cost_center, cost_object, commitment_number,
           {QUANTITY_IN_UNIT} AS quantity, sum(amount) AS exact
    FROM charge
    WHERE price_id IS NOT NULL
    GROUP BY organization_id, project_id, sku_id, price_id, unit, unit_price, from_quantity,
             month_seconds, cost_center, cost_object, commitment_number
),
line AS (
    INSERT INTO billing_statementline (
        public_id, statement_id, position, kind, used_in_id, project_id, sku_id, price_id, unit,
        unit_price, from_quantity, quantity, exact, amount, reason, names,
        cost_center, cost_object, commitment_number
    )
    SELECT
        gen_random_uuid(), statement.id,
        row_number() OVER (
            PARTITION BY statement.id
            ORDER BY project.name, project.id, cost_center, cost_object, commitment_number,
                sku.code, price.id, from_quantity
        ),
        'usage', %(month)s, together.project_id, together.sku_id, together.price_id,
        together.unit, together.unit_price, together.from_quantity, together.quantity,
        together.exact,
        round(together.exact, 2), '',
        jsonb_build_object(
            'project', project.name, 'sku', sku.code, 'sku_nl', sku.name_nl,
            'sku_en', sku.name_en, 'category', sku.service_category,
            'subcategory', sku.service_subcategory, 'price', price.public_id
        ),
        together.cost_center, together.cost_object, together.commitment_number
    FROM together
    JOIN statement USING (organization_id)
    JOIN identity_node AS project ON project.id = together.project_id
    JOIN billing_sku AS sku ON sku.id = together.sku_id
    JOIN billing_price AS price ON price.id = together.price_id
    RETURNING
        id, statement_id, project_id, price_id, from_quantity,
        cost_center, cost_object, commitment_number
)
INSERT INTO billing_statementlinesource (
    line_id, span_id, started_at, ended_at, seconds, part, amount
)
SELECT
    line.id, charge.span_id, charge.started_at, charge.ended_at, charge.seconds, charge.part,
    charge.amount
FROM charge
JOIN statement USING (organization_id)
JOIN line
    ON line.statement_id = statement.id
    AND line.project_id = charge.project_id
    AND line.price_id = charge.price_id
    AND line.from_quantity = charge.from_quantity
    AND (line.cost_center, line.cost_object, line.commitment_number)
        IS NOT DISTINCT FROM (charge.cost_center, charge.cost_object, charge.commitment_number)
"""  # noqa: S608  (a fragment of ours)


def write_statements(
    month: BillingMonth,
    *,
    corrections: Sequence[Correction],
    credits: Sequence[Credit],
    shares: Sequence[CostLine] = (),
    issued_at: datetime,
) -> list[Statement]:
    """Write a statement for everybody who pays for something, with its lines.

    Numbers go on where those of the business year ended. The caller holds the lock on the books,
    so nobody else gives numbers, and what is rolled back was never given.

    Args:
        corrections: what of closed months is put right.
        credits: what is given back, with their lines and the statements of these.
        shares: what is borne for others, and taken away where others bear it.
    """
    others = {correction.organization_id for correction in corrections}
    others |= {share.organization_id for share in shares}
    others |= {credit.line.statement.organization_id for credit in credits}
    year = month.first_day.year
    query_of_everybody([month]).write(
        _WRITE,
        others=sorted(others),
        month=month.pk,
        year=year,
        last_sequence=_last_sequence(year),
        issued_at=issued_at,
        currency=CURRENCY,
    )
    statements = list(Statement.objects.filter(month=month).order_by("sequence"))
    _put_right(month, statements, corrections, credits)
    write_shares(month, statements, shares)
    _finish(month, statements)
    return statements


def _last_sequence(year: int) -> int:
    """The last number of the business year; zero when none was given."""
    return Statement.objects.filter(year=year).aggregate(last=Max("sequence"))["last"] or 0


def _put_right(
    month: BillingMonth,
    statements: Iterable[Statement],
    corrections: Sequence[Correction],
    credits: Sequence[Credit],
) -> None:
    """Add corrections and credits behind the lines of use."""
    by_payer = {statement.organization_id: statement for statement in statements}
    positions = last_positions(month)

    def place(organization_id: int) -> dict[str, Any]:
        statement = by_payer[organization_id]
        positions[statement.pk] += 1
        return {"statement": statement, "position": positions[statement.pk]}

    lines = _correction_lines(corrections)
    for line, correction in zip(lines, corrections, strict=True):
        for name, value in place(correction.organization_id).items():
            setattr(line, name, value)
    StatementLine.objects.bulk_create(lines)
    for credit in credits:
        line = _credit_line(credit, **place(credit.line.statement.organization_id))
        line.save(force_insert=True)
        credit.settled_on = line
        credit.save(update_fields=["settled_on"])


def _correction_lines(corrections: Sequence[Correction]) -> list[StatementLine]:
    """The lines, without their places. Five queries, and none for nothing."""
    if not corrections:
        return []
    months = {month.period.start: month for month in BillingMonth.objects.all()}
    projects = Project.objects.in_bulk({correction.project_id for correction in corrections})
    skus = Sku.objects.in_bulk({correction.sku_id for correction in corrections})
    prices = Price.objects.in_bulk({correction.price_id for correction in corrections})
    corrected = StatementLine.objects.in_bulk(
        {correction.corrects_id for correction in corrections if correction.corrects_id}
    )
    return [
        StatementLine(
            kind=correction.kind,
            used_in=months[correction.month_start],
            project_id=correction.project_id,
            sku_id=correction.sku_id,
            price_id=correction.price_id,
            unit=correction.unit,
            unit_price=correction.unit_price,
            from_quantity=correction.from_quantity,
            quantity=correction.quantity,
            exact=correction.exact,
            amount=correction.amount,
            corrects_id=correction.corrects_id,
            cost_center=correction.cost_center,
            cost_object=correction.cost_object,
            commitment_number=correction.commitment_number,
            names=names_of(
                projects[correction.project_id],
                skus[correction.sku_id],
                prices[correction.price_id],
            )
            | _counted_among(corrected.get(correction.corrects_id or 0)),
        )
        for correction in corrections
    ]


def _counted_among(corrected: StatementLine | None) -> dict[str, str]:
    """What FOCUS counted it among when it was billed, so that it is booked where that was."""
    kept = corrected.names if corrected else {}
    return {name: kept[name] for name in ("category", "subcategory") if name in kept}


def _credit_line(credit: Credit, *, statement: Statement, position: int) -> StatementLine:
    given = credit.line
    return StatementLine(
        statement=statement,
        position=position,
        kind=LineKind.CREDIT,
        used_in_id=given.used_in_id,
        project_id=given.project_id,
        sku_id=given.sku_id,
        price_id=given.price_id,
        unit=given.unit,
        unit_price=given.unit_price,
        from_quantity=given.from_quantity,
        quantity=Decimal(0),
        exact=-credit.amount,
        amount=-credit.amount,
        corrects=given,
        reason=credit.reason,
        names=given.names,
        cost_center=given.cost_center,
        cost_object=given.cost_object,
        commitment_number=given.commitment_number,
    )


def names_of(project: Project, sku: Sku, price: Price) -> dict[str, str]:
    """What ``StatementLine.names`` keeps, as the command that writes lines of use has it."""
    return {
        "project": project.name,
        "sku": sku.code,
        "sku_nl": sku.name_nl,
        "sku_en": sku.name_en,
        "category": sku.service_category,
        "subcategory": sku.service_subcategory,
        "price": str(price.public_id),
    }


def _finish(month: BillingMonth, statements: Iterable[Statement]) -> None:
    """Add up each statement, and write down what it says."""
    lines = StatementLine.objects.filter(statement__month=month)
    totals: dict[int, Decimal] = dict(
        lines.values("statement").annotate(sum=Sum("amount")).values_list("statement", "sum")
    )
    parties = _parties(month, statements)
    for statement in statements:
        statement.month = month
        statement.total = totals[statement.pk]
        statement.parties = parties[statement.organization_id]
        statement.save(update_fields=["total", "parties"])
    write_digests(month)
    for statement in statements:
        statement.refresh_from_db(fields=["content_sha256"])


def _parties(month: BillingMonth, statements: Iterable[Statement]) -> Mapping[int, dict[str, Any]]:
    """Names and numbers as they are at this moment, by who pays. At most four queries."""
    ids = {statement.organization_id for statement in statements}
    payers = Organization.objects.in_bulk(ids)
    above = Node.objects.in_bulk({payer.parent_id for payer in payers.values() if payer.parent_id})
    last_moment = month.period.end - timedelta(seconds=1)
    treatments = dict(
        VatTreatmentPeriod.objects.filter(
            is_in_force(last_moment), organization__in=ids
        ).values_list("organization_id", "treatment")
    )
    issuer = platform_organization()
    return {
        pk: {
            "payer": payer.name,
            "payer_oin": payer.confirmed_numbers.get("oin", ""),
            "payer_above": above[payer.parent_id].name if payer.parent_id else "",
            "issuer": find_issuer(),
            "issuer_oin": issuer.confirmed_numbers.get("oin", "") if issuer else "",
            "vat_treatment": treatments.get(pk, ""),
        }
        for pk, payer in payers.items()
    }
