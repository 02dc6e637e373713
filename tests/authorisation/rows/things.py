"""What orders become, for the rows of pages, API and costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.utils.timezone import localdate, now

from billing.models import Budget
from catalog.models import (
    ApprovalRule,
    ApprovalRuleVersion,
    Assembly,
    Cart,
    CartLine,
    Metric,
    Operation,
    Order,
    QuotaRequest,
    Resource,
    Solution,
)
from catalog.services.approval_rules import RuleSays, confirm_version, propose_rule
from catalog.services.approvals import approve_order
from catalog.services.carts import put_in_cart
from catalog.services.changes import place_change
from catalog.services.protection import protect_resource
from catalog.services.quota_requests import Asked, ask_quota
from catalog.services.resources import act_on_resource
from catalog.services.solutions import solve_operation
from portal.cloud.secrets import store_secret
from portal.identity.models import Organization, Person, Project, Role
from tests.authorisation.world import Tenant
from tests.factories import (
    SPEC,
    begun,
    delivered,
    failed,
    place,
    place_whole,
    stuck,
)


def employee(tenant: Tenant) -> Person:
    return tenant.asker


def project_itself(tenant: Tenant) -> Project:
    return tenant.project


def directorate_itself(tenant: Tenant) -> Organization:
    return tenant.directorate


def budget_of_directorate(tenant: Tenant) -> Budget:
    """Of this year."""
    return Budget.objects.create(node=tenant.directorate, year=localdate().year, amount=900)


def project_with_budget(tenant: Tenant) -> Project:
    """Of this year."""
    Budget.objects.create(node=tenant.project, year=localdate().year, amount=900)
    return tenant.project


def pending_order(tenant: Tenant) -> Order:
    """Waits for a decision."""
    return _place(tenant, "wacht")


def filled_cart(tenant: Tenant) -> Cart:
    """Holds what the asker of the table collected."""
    return _put_in_cart(tenant, "mandje").cart


def line_in_cart(tenant: Tenant) -> CartLine:
    """One more thing in it."""
    return _put_in_cart(tenant, "mandje-erbij")


def _put_in_cart(tenant: Tenant, word: str) -> CartLine:
    return put_in_cart(
        owner=tenant.asker,
        project=tenant.project,
        offering=tenant.version.offering,
        name=tenant.named(word),
        spec=SPEC,
        end_date=None,
    )


def rule_in_force(tenant: Tenant) -> ApprovalRule:
    """A rule that two quota administrators agreed on."""
    version = _proposed_rule(tenant, "regel", tenant.all_rounder)
    confirm_version(version.public_id, actor=tenant.people[Role.QUOTA_ADMINISTRATOR])
    return version.rule


def rule_of_colleague(tenant: Tenant) -> ApprovalRuleVersion:
    """What one quota administrator proposed, and another decides on."""
    return _proposed_rule(tenant, "voorstel", tenant.all_rounder)


def own_rule(tenant: Tenant) -> ApprovalRuleVersion:
    """The same, of the quota administrator of the table."""
    return _proposed_rule(tenant, "eigen-voorstel", tenant.people[Role.QUOTA_ADMINISTRATOR])


def _proposed_rule(tenant: Tenant, word: str, by: Person) -> ApprovalRuleVersion:
    says = RuleSays(amount_from=Decimal(1_000_000))
    return propose_rule(node=tenant.directorate, name=tenant.named(word), says=says, actor=by)


def request_of_colleague(tenant: Tenant) -> QuotaRequest:
    """More quota that somebody asked, and the ministry gives."""
    return _asked(tenant, Metric.VCPUS, tenant.all_rounder)


def own_request(tenant: Tenant) -> QuotaRequest:
    """The same, asked by the asker of the table."""
    return _asked(tenant, Metric.MEMORY_GIB, tenant.asker)


def _asked(tenant: Tenant, metric: Metric, by: Person) -> QuotaRequest:
    asked = Asked(
        node=tenant.project,
        metric=metric,
        amount=Decimal(20_000),
        reason=tenant.named("reden"),
    )
    return ask_quota(asked, actor=by)[0]


def more_to_ask(tenant: Tenant) -> dict[str, str]:
    """A complete form, for the tenant's project."""
    return {
        "node": str(tenant.project.public_id),
        "metric": "servers",
        "amount": "20000",
        "reason": "Meer zaken",
    }


def active_resource(tenant: Tenant) -> Resource:
    """Runs, and costs money."""
    return delivered(_place(tenant, "draait"), approver=tenant.people[Role.APPROVER])


def resource_with_secret(tenant: Tenant) -> Resource:
    """Runs; its requester asked for a console and did not look yet."""
    resource = delivered(_place(tenant, "opent"), approver=tenant.people[Role.APPROVER])
    text = '{"url": "https://console.example.nl/"}'
    about = resource.public_id
    store_secret(text, reader=tenant.asker, about=about, slot="console", form="console")
    return resource


def protected_resource(tenant: Tenant) -> Resource:
    """Runs, and is kept from being cleaned up."""
    resource = delivered(_place(tenant, "blijft"), approver=tenant.people[Role.APPROVER])
    return protect_resource(resource.public_id, actor=tenant.asker)


def running_assembly(tenant: Tenant) -> Assembly:
    """Something ordered as a whole, of which all runs."""
    order = place_whole(
        tenant.asker,
        tenant.project,
        tenant.version,
        name=tenant.named("geheel"),
        purpose=tenant.named("doel"),
    )
    delivered(order, approver=tenant.people[Role.APPROVER])
    return order.assemblies.get()


def name_of_assembly(tenant: Tenant) -> dict[str, str]:
    """What confirms that it is to be cleaned up."""
    return {"confirmation": tenant.things[running_assembly].name}


def drifting_resource(tenant: Tenant) -> Resource:
    """Runs, as far as we know; made once for all its differences."""
    found = Resource.objects.filter(project=tenant.project, name=tenant.named("drijft")).first()
    return found or delivered(_place(tenant, "drijft"), approver=tenant.people[Role.APPROVER])


def failed_operation(tenant: Tenant) -> Operation:
    """A delivery that waits for a person."""
    return stuck(_place(tenant, "hapert"), approver=tenant.people[Role.APPROVER])


def failed_action(tenant: Tenant) -> Operation:
    """Something that was to be done to a running server, and waits for a person."""
    approver = tenant.people[Role.APPROVER]
    resource = delivered(_place(tenant, "stokt"), approver=approver)
    return failed(act_on_resource(resource.public_id, action="stop", actor=tenant.asker))


def running_operation(tenant: Tenant) -> Operation:
    """A delivery that goes on by itself."""
    return begun(_place(tenant, "loopt"), approver=tenant.people[Role.APPROVER])


def operation_on_trial(tenant: Tenant) -> Operation:
    """A change that pauses for people."""
    approver = tenant.people[Role.APPROVER]
    resource = delivered(_place(tenant, "proef"), approver=approver)
    order, _is_new = place_change(
        requested_by=tenant.asker,
        resource=resource,
        purpose=tenant.named("doel"),
        answers={"volume_gib": 50},
        end_date=None,
        idempotency_key=tenant.named("proef"),
    )
    approve_order(order.public_id, approver=approver)
    operation = Operation.objects.get(order_line__order=order)
    later = now() + timedelta(hours=24)
    operation.steps.filter(position=1).update(name="trial", started_at=now(), due_at=later)
    return operation


def waiting_solution(tenant: Tenant) -> Solution:
    """What one operator said is solved, and another must confirm."""
    return _solved(tenant, "bevestig", tenant.all_rounder)


def own_solution(tenant: Tenant) -> Solution:
    """The same, said by the operator of the table."""
    return _solved(tenant, "neem-terug", tenant.people[Role.OPERATOR])


def solution_of_operation(tenant: Tenant) -> tuple[Operation, Solution]:
    """As ``waiting_solution``, for an address that names the operation too."""
    solution = _solved(tenant, "bevestig-hier", tenant.all_rounder)
    return solution.operation, solution


def own_solution_of_operation(tenant: Tenant) -> tuple[Operation, Solution]:
    """As ``own_solution``, for an address that names the operation too."""
    solution = _solved(tenant, "neem-hier-terug", tenant.people[Role.OPERATOR])
    return solution.operation, solution


def _solved(tenant: Tenant, word: str, operator: Person) -> Solution:
    operation = stuck(_place(tenant, word), approver=tenant.people[Role.APPROVER])
    operation.steps.filter(name="server").update(external_id="server-1")
    return solve_operation(operation.public_id, actor=operator, reason="Met de hand hersteld.")


def node_of_project(tenant: Tenant) -> dict[str, str]:
    """The query that asks for the tenant's project, as a place in the tree."""
    return {"node": str(tenant.project.public_id)}


def project(tenant: Tenant) -> dict[str, str]:
    """The query that asks for the tenant's project, to order in."""
    return {"project": str(tenant.project.public_id)}


def _place(tenant: Tenant, word: str) -> Order:
    return place(
        tenant.asker,
        tenant.project,
        tenant.version,
        name=tenant.named(word),
        purpose=tenant.named("doel"),
    )
