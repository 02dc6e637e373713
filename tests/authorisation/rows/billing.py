"""What things cost, on pages and for programs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.utils.timezone import localdate, now

from billing.models import (
    Credit,
    Dispute,
    MonthState,
    Price,
    Statement,
    StatementLine,
    TagKey,
)
from billing.services.closing import prepare_closing
from portal.cloud.models import Cloud
from portal.core.calendar import month
from portal.core.formats import DATE_FORMATS
from portal.identity.models import Role
from tests.authorisation.rows.things import active_resource, directorate_itself, node_of_project
from tests.authorisation.vocabulary import Change, act, call, see
from tests.authorisation.world import Tenant
from tests.factories.billing import (
    MeteredResourceFactory,
    UsageSpanFactory,
    add_use,
    make_month,
    make_statement,
)

PAYERS = {Role.FINANCE, Role.APPROVER, Role.AUDITOR}
OF_PROJECT = {"case": "of a project", "query": node_of_project, "by": PAYERS, "unseen": 404}
# The organization that runs the platform is that of the tenant here: its finance closes months.
CLOSERS = {Role.FINANCE}
OF_MONTH = {"seen_by": CLOSERS, "by": CLOSERS, "unseen": 403}
CREDIT = {"amount": "1.00", "reason": "Storing."}
ANSWER = {"amount": "1.00", "answer": "Storing."}


def month_being_closed(tenant: Tenant) -> str:
    """Begun by a colleague of who comes by."""
    people = (tenant.all_rounder, tenant.people[Role.FINANCE])
    make_month(date(2020, 1, 1), MonthState.CLOSED, *people)
    make_month(date(2020, 2, 1), MonthState.CLOSING, tenant.all_rounder)
    return "2020-02"


def total_of_next(tenant: Tenant) -> dict[str, str]:
    """What who closes it saw."""
    return {"total": str(prepare_closing(month(2020, 2)).total)}


def statement_itself(tenant: Tenant) -> Statement:
    people = (tenant.all_rounder, tenant.people[Role.FINANCE])
    closed = make_month(date(2020, 1, 1), MonthState.CLOSED, *people)
    found = Statement.objects.filter(organization=tenant.directorate, month=closed).first()
    return found or make_statement(closed, tenant.project, Price.objects.order_by("pk")[0])


def line_itself(tenant: Tenant) -> StatementLine:
    return statement_itself(tenant).lines.get()


def line_with_use(tenant: Tenant) -> StatementLine:
    line = line_itself(tenant)
    if not line.sources.exists():
        server = MeteredResourceFactory(
            project=tenant.project, cloud=Cloud.objects.all()[0], name=f"{tenant.marker}-liep"
        )
        add_use(line, UsageSpanFactory(resource=server, sku=line.sku))
    return line


def waiting_credit(tenant: Tenant) -> Credit:
    return Credit.objects.create(
        line=line_itself(tenant),
        amount=Decimal(1),
        reason="Storing.",
        proposed_by=tenant.all_rounder,
        proposed_at=now(),
    )


def waiting_dispute(tenant: Tenant) -> Dispute:
    """Of a line of an earlier month, so that the other can still be disputed."""
    people = (tenant.all_rounder, tenant.people[Role.FINANCE])
    earlier = make_month(date(2019, 12, 1), MonthState.CLOSED, *people)
    statement = make_statement(earlier, tenant.project, Price.objects.order_by("pk")[0])
    return Dispute.objects.create(
        line=statement.lines.get(),
        reason="Storing.",
        proposed_by=tenant.all_rounder,
        proposed_at=now(),
    )


def cost_object(_tenant: Tenant) -> dict[str, str]:
    """A complete form, from today on."""
    today = localdate().strftime(DATE_FORMATS[0])
    return {"key": "cost_object", "value": "zaken", "starts_on": today}


def tag(_tenant: Tenant) -> dict[str, str]:
    """A complete form for a tag that the organization defines, from today on."""
    today = localdate().strftime(DATE_FORMATS[0])
    return {"key": "fase", "value": "test", "starts_on": today}


def defined_key(tenant: Tenant) -> TagKey:
    return TagKey.objects.get(organization=tenant.directorate)


def tag_of_project(tenant: Tenant) -> dict[str, str]:
    today = localdate().isoformat()
    return node_of_project(tenant) | {"key": "fase", "value": "test", "starts_on": today}


def tag_key(_tenant: Tenant) -> dict[str, str]:
    return {"name": "fase", "allowed_values": "test"}


ROWS = [
    see("billing:months", by=PAYERS),
    see("billing:months-sheet", arguments=("csv",), by=PAYERS),
    see(
        "billing:month-sheet",
        arguments=("2020-01", "csv"),
        by=PAYERS,
        shows_organizations_to=CLOSERS,
    ),
    see("billing:month", arguments=("2020-01",), by=PAYERS, shows_organizations=True),
    see(
        "billing:month",
        case="being closed",
        of=month_being_closed,
        by=PAYERS,
        seen_by=CLOSERS,
        asks_role_first=True,
        shows_organizations=True,
    ),
    act(
        "billing:month-begin",
        of=month_being_closed,
        answer=409,
        changes=Change.RECORD,
        is_strong=True,
        shows_organizations=True,
        **OF_MONTH,
    ),
    act(
        "billing:month-close",
        of=month_being_closed,
        body=total_of_next,
        is_strong=True,
        **OF_MONTH,
    ),
    act("billing:month-take-back", of=month_being_closed, **OF_MONTH),
    see("billing:statement", of=statement_itself, by=PAYERS, asks_role_first=True),
    see("billing:statement-pdf", of=statement_itself, by=PAYERS, asks_role_first=True),
    see("billing:statement-line", of=line_with_use, by=PAYERS, asks_role_first=True),
    see(
        "billing:statement-line-sheet",
        of=line_with_use,
        arguments=("csv",),
        by=PAYERS,
        asks_role_first=True,
    ),
    see(
        "billing:statement-sheet",
        of=statement_itself,
        arguments=("csv",),
        by=PAYERS,
        asks_role_first=True,
    ),
    see(
        "billing:statement-journal",
        of=statement_itself,
        arguments=("csv",),
        by=PAYERS,
        asks_role_first=True,
    ),
    see(
        "billing:month-journal",
        arguments=("2020-01", "csv"),
        by=PAYERS,
        shows_organizations_to=CLOSERS,
    ),
    see("billing:statement-invoice", of=statement_itself, by=PAYERS, asks_role_first=True),
    see("billing:credit-new", of=line_itself, by=CLOSERS, seen_by=PAYERS),
    act("billing:credit-new", of=line_itself, body=CREDIT, by=CLOSERS, seen_by=PAYERS),
    act("billing:credit-confirm", of=waiting_credit, by=CLOSERS, seen_by=PAYERS, is_strong=True),
    act("billing:credit-take-back", of=waiting_credit, by=CLOSERS, seen_by=PAYERS),
    see("billing:dispute-new", of=line_itself, by={Role.FINANCE}, seen_by=PAYERS),
    act(
        "billing:dispute-new",
        of=line_itself,
        body={"reason": "Storing."},
        by={Role.FINANCE},
        seen_by=PAYERS,
    ),
    see("billing:disputes", by=PAYERS, shows_organizations_to=CLOSERS),
    see(
        "billing:disputes-sheet",
        arguments=("csv",),
        by=PAYERS,
        shows_organizations_to=CLOSERS,
    ),
    see("billing:dispute", of=waiting_dispute, by=PAYERS, asks_role_first=True),
    act("billing:dispute-grant", of=waiting_dispute, body=ANSWER, by=CLOSERS, seen_by=PAYERS),
    act("billing:dispute-refuse", of=waiting_dispute, body=ANSWER, by=CLOSERS, seen_by=PAYERS),
    act("billing:dispute-take-back", of=waiting_dispute, by={Role.FINANCE}, seen_by=PAYERS),
    see("dispute-list", by=PAYERS, shows_organizations_to=CLOSERS),
    call(
        "dispute-list",
        body=lambda tenant: {"line": str(line_itself(tenant).public_id), "reason": "Storing."},
        by={Role.FINANCE},
        seen_by=PAYERS,
        unseen=404,
    ),
    see("dispute-detail", of=waiting_dispute, by=PAYERS, asks_role_first=True),
    call(
        "dispute-decision",
        of=waiting_dispute,
        body={"decision": "confirmed", "amount": "1.00", "answer": "Storing."},
        by=CLOSERS,
        seen_by=PAYERS,
        answer=200,
    ),
    call(
        "dispute-withdrawal",
        of=waiting_dispute,
        by={Role.FINANCE},
        seen_by=PAYERS,
        answer=200,
    ),
    see("billing:costs", by=PAYERS),
    see(
        "billing:costs",
        case="of a project",
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("billing:cost-sheet", arguments=("csv",), by=PAYERS),
    see(
        "billing:cost-sheet",
        case="of a project",
        arguments=("csv",),
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("billing:cost-table", arguments=("days", "csv"), by=PAYERS),
    see(
        "billing:cost-table",
        case="of a project",
        arguments=("resources", "csv"),
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("billing:focus-rows", arguments=("csv",), by=PAYERS, shows_platform=True),
    see(
        "billing:focus-rows",
        case="of a project",
        arguments=("csv",),
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("billing:focus-metadata", by=PAYERS),
    see(
        "billing:focus-metadata",
        case="of a project",
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("billing:resource-costs", of=active_resource),
    see("billing:resource-costs-sheet", of=active_resource, arguments=("csv",)),
    see("api:resource-cost-list"),
    see("api:resource-cost-list", case="of a project", query=node_of_project, unseen=404),
    see("billing:resource-allocation", of=active_resource),
    act(
        "billing:resource-allocation",
        of=active_resource,
        body=cost_object,
        by={Role.FINANCE},
        answer=303,
        is_strong=True,
    ),
    see("billing:resource-tags", of=active_resource),
    act(
        "billing:resource-tags",
        of=active_resource,
        body=tag,
        by={Role.FINANCE},
        answer=303,
        is_strong=True,
    ),
    see("billing:node-tags", of=directorate_itself, by=PAYERS),
    act(
        "billing:node-tags",
        of=directorate_itself,
        body=tag,
        by={Role.FINANCE},
        answer=303,
        is_strong=True,
    ),
    see("billing:tag-keys", of=directorate_itself, by=PAYERS),
    act(
        "billing:tag-keys",
        of=directorate_itself,
        body=tag_key,
        by={Role.FINANCE},
        answer=303,
        is_strong=True,
    ),
    see("tag-list", query=node_of_project, by=PAYERS, unseen=404),
    call(
        "tag-list",
        body=tag_of_project,
        by={Role.FINANCE},
        answer=200,
        unseen=404,
        is_strong=True,
    ),
    see("tag-key-list", by=PAYERS),
    call(
        "tag-key-list",
        body=lambda tenant: {"node": str(tenant.directorate.public_id), "name": "fase"},
        by={Role.FINANCE},
        answer=200,
        unseen=404,
        is_strong=True,
    ),
    call("tag-key-withdraw", of=defined_key, by={Role.FINANCE}, answer=204, is_strong=True),
    see("billing:tag-costs", by=PAYERS),
    see("billing:tag-costs", **OF_PROJECT),
    see("billing:tag-costs-sheet", arguments=("csv",), by=PAYERS),
    see("billing:tag-costs-sheet", arguments=("csv",), **OF_PROJECT),
    see("billing:allocation", by=PAYERS),
    see("billing:allocation", **OF_PROJECT),
    see("billing:node-allocation", of=directorate_itself, by=PAYERS),
    act(
        "billing:node-allocation",
        of=directorate_itself,
        body=cost_object,
        by={Role.FINANCE},
        answer=303,
        is_strong=True,
    ),
    see("billing:cost-centers", by=PAYERS),
    see("billing:cost-centers", **OF_PROJECT),
    see("billing:cost-centers-sheet", arguments=("csv",), by=PAYERS),
    see("billing:cost-centers-sheet", arguments=("csv",), **OF_PROJECT),
    see("statement-list", by=PAYERS, shows_organizations_to=CLOSERS),
    see("statement-detail", of=statement_itself, by=PAYERS, asks_role_first=True),
    see("statement-line-usage", of=line_with_use, by=PAYERS, asks_role_first=True),
    see("statement-document", of=statement_itself, by=PAYERS, asks_role_first=True),
    see("statement-invoice", of=statement_itself, by=PAYERS, asks_role_first=True),
    see("statement-journal", of=statement_itself, by=PAYERS, asks_role_first=True),
    see("statement-journals", by=PAYERS, shows_organizations_to=CLOSERS),
    see("charge-list", by=PAYERS),
    see(
        "charge-list",
        case="of a project",
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("cost-services", by=PAYERS),
    see(
        "cost-services",
        case="of a project",
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("focus-charges", by=PAYERS, shows_platform=True),
    see(
        "focus-charges",
        case="of a project",
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
    see("focus-metadata", by=PAYERS),
    see(
        "focus-metadata",
        case="of a project",
        query=node_of_project,
        by=PAYERS,
        unseen=404,
    ),
]
