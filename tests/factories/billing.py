"""Prices, and things that were used. Everything not named does not matter to the test."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import factory
from django.db import connection, transaction

from billing.models import (
    BillingMonth,
    MeteredResource,
    MonthState,
    Price,
    PriceList,
    PriceUnit,
    Sku,
    Statement,
    StatementLine,
    StatementLineSource,
    UsageSpan,
)
from portal.core.calendar import start_of_day
from portal.identity.models import Organization, Person, Project
from tests.factories.catalog import CloudFactory

LONG_AGO = start_of_day(date(2025, 1, 1))


class SkuFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Sku
        django_get_or_create = ["code"]

    code = "server.gp.small"
    name_nl = factory.LazyAttribute(lambda sku: f"{sku.code} (nl)")
    name_en = factory.LazyAttribute(lambda sku: f"{sku.code} (en)")
    service_category = "Compute"
    service_subcategory = "Virtual Machines"


class MeteredResourceFactory(factory.django.DjangoModelFactory):
    """A server of ``project`` (which must be given)."""

    class Meta:
        model = MeteredResource

    public_id = factory.LazyFunction(uuid4)
    cloud = factory.SubFactory(CloudFactory)
    kind = "server"
    name = factory.Sequence(lambda number: f"zaak-app-{number:02d}")


class UsageSpanFactory(factory.django.DjangoModelFactory):
    """Use of one server from 1 November 2026 on, of a ``resource`` that must be given."""

    class Meta:
        model = UsageSpan

    sku = factory.SubFactory(SkuFactory)
    quantity = Decimal(1)
    started_at = start_of_day(date(2026, 11, 1))


def metered_since(public_id: UUID, moment: datetime) -> None:
    """What is in use has been so since then."""
    spans = UsageSpan.objects.filter(resource__public_id=public_id, ended_at=None)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger looks
        spans.update(started_at=moment.replace(microsecond=0))
        cursor.execute("SET LOCAL session_replication_role = origin")


def make_month(first_day: date, state: MonthState, *people: Person) -> BillingMonth:
    """A month in the books, whatever came before: begun by the first, closed by the second."""
    moment = start_of_day(first_day)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        month, _is_new = BillingMonth.objects.get_or_create(
            first_day=first_day,
            defaults={
                "state": state,
                **dict(zip(("closing_by", "closed_by"), people, strict=False)),
                "closing_at": moment,
                "closed_at": moment if state == MonthState.CLOSED else None,
            },
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    return month


def make_statement(month: BillingMonth, project: Project, price: Price) -> Statement:
    """A statement of a closed month with one line, for the organization of the project."""
    organization = Organization.objects.get(pk=project.parent_id)
    amount = Decimal("10.00")
    document = b"%PDF-1.7 " + organization.name.encode()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        statement = Statement.objects.create(
            month=month,
            organization=organization,
            year=month.first_day.year,
            sequence=Statement.objects.filter(year=month.first_day.year).count() + 1,
            issued_at=start_of_day(month.first_day),
            currency="EUR",
            total=amount,
            parties={
                "payer": organization.name,
                "payer_oin": "00000001003214345000",
                "issuer": "Cloudloket",
                "vat_treatment": "standard_21",
            },
            document=document,
            document_sha256=hashlib.sha256(document).hexdigest(),
        )
        StatementLine.objects.create(
            statement=statement,
            position=1,
            kind="usage",
            used_in=month,
            project=project,
            sku=price.sku,
            price=price,
            unit=price.unit,
            unit_price=price.amount,
            quantity=1,
            exact=amount,
            amount=amount,
            names={"project": project.name, "sku_nl": "Server", "sku_en": "Server"},
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    return statement


def add_use(line: StatementLine, span: UsageSpan) -> None:
    """A piece of use behind a line of ``make_statement``: its first minute."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        StatementLineSource.objects.create(
            line=line,
            span=span,
            started_at=span.started_at,
            ended_at=span.started_at + timedelta(seconds=60),
            seconds=60,
            amount=line.exact,
        )
        cursor.execute("SET LOCAL session_replication_role = origin")


def set_price(
    amount: str,
    *,
    sku: str = "server.gp.small",
    unit: PriceUnit = PriceUnit.MONTH,
    organization: Organization | None = None,
    since: datetime = LONG_AGO,
    until: datetime | None = None,
    minimum_months: int = 0,
) -> Price:
    """A price of a SKU, for everybody or for one organization and those below it."""
    return Price.objects.create(
        price_list=PriceList.objects.get_or_create(name="Tarieven")[0],
        sku=SkuFactory(code=sku),
        organization=organization,
        unit=unit,
        amount=Decimal(amount),
        valid_from=since,
        valid_until=until,
        minimum_months=minimum_months,
    )
