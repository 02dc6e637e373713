"""Who sees and does what in the catalogue. Somebody else's object is a 404, never a 403."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.kinds import get_kind
from catalog.models import (
    UNDECIDED_ORDER_STATES,
    Approval,
    ApprovalRule,
    ApprovalRuleVersion,
    Assembly,
    Cart,
    Difference,
    DifferenceState,
    DriftRepair,
    OfferingVersion,
    Operation,
    OperationState,
    Order,
    OrderState,
    Quota,
    RepairState,
    Resource,
    ResourceState,
    Solution,
    UsageCheck,
)
from catalog.offering_policies import (
    is_offered_in,
    is_offered_in_reach_of,
    is_offered_to,
    published_versions,
)
from catalog.quota_policies import governed_nodes
from portal.cloud.models import Secret
from portal.cloud.secrets import SecretGone, waiting_secrets
from portal.identity.access import (
    absent_ids,
    granted_node_ids,
    has_role,
    reached_nodes,
    reached_projects,
)
from portal.identity.four_eyes import logins_of
from portal.identity.models import Person, Project, Role
from portal.identity.models.proposed import DecisionState

WORK_ROLES = (Role.OPERATOR, Role.AUDITOR)
RULE_READERS: Final = frozenset({Role.QUOTA_ADMINISTRATOR, Role.AUDITOR})
DRIFT_READERS: Final = frozenset({Role.OPERATOR, Role.AUDITOR})
USAGE_CHECK_READERS: Final = frozenset({Role.OPERATOR, Role.AUDITOR, Role.FINANCE})


def orderable_projects(person: Person) -> QuerySet[Project]:
    """The living projects in which the person may order."""
    return reached_projects(person, Role.REQUESTER).filter(ended_at=None).order_by("name")


def projects_to_order_in(person: Person, version: OfferingVersion) -> QuerySet[Project]:
    """Those of the projects for which this version exists, and everything that it is made of."""
    projects = orderable_projects(person)
    for needed in (version, *get_kind(version.offering.kind).made_of(version)):
        organizations = list(needed.visible_to.values_list("pk", flat=True))
        if organizations:
            projects = projects.filter(ancestor_ids__overlap=organizations)
    return projects


def visible_offerings(person: Person) -> QuerySet[OfferingVersion]:
    """What is published, and exists for an organization or project that the person reaches."""
    return offered_versions().filter(is_offered_in_reach_of(person))


def offerings_for(project: Project) -> QuerySet[OfferingVersion]:
    """What can be ordered in the project: to everybody there other offerings do not exist."""
    return offered_versions().filter(is_offered_to(project.lineage_ids))


def offered_versions() -> QuerySet[OfferingVersion]:
    """What is published for anybody, in the order of the catalogue."""
    by_place = published_versions().order_by("offering__position", "offering__code")
    return by_place.select_related("offering", "cloud")


def own_carts(person: Person) -> QuerySet[Cart]:
    """The person's own open carts, of the projects in which they may order."""
    projects = orderable_projects(person).values("pk")
    return Cart.objects.filter(owner=person, order=None, project__in=projects)


def visible_orders(person: Person) -> QuerySet[Order]:
    """The orders of every project that the person reaches."""
    return Order.objects.filter(project__in=reached_projects(person))


def visible_assemblies(person: Person) -> QuerySet[Assembly]:
    """What was ordered as a whole in every project that the person reaches."""
    return Assembly.objects.filter(order__project__in=reached_projects(person))


def orders_to_decide(person: Person) -> QuerySet[Order]:
    """The orders that wait for this person: never their own, nor those of whom they replace.

    Also what was asked for with another login of theirs is their own.
    """
    return orders_to_judge(person).filter(state=OrderState.PENDING_APPROVAL)


def orders_to_judge(person: Person) -> QuerySet[Order]:
    """The same, and those that will wait for this person again once their requester answered.

    These can be refused meanwhile.
    """
    own = logins_of([person.pk, *absent_ids(person)])
    granted = granted_node_ids(person, (Role.APPROVER,))
    on_project = Q(project__in=granted) | Q(project__ancestor_ids__overlap=granted)
    on_project = Q(waits_for=None) & on_project
    on_node = Q(waits_for__in=granted) | Q(waits_for__ancestor_ids__overlap=granted)
    waiting = Order.objects.filter(on_project | on_node, state__in=UNDECIDED_ORDER_STATES)
    said = Approval.objects.filter(order=OuterRef("pk"), approver__in=own.values("pk"))
    return waiting.exclude(requested_by__in=own.values("pk")).exclude(Exists(said))


def visible_rules(person: Person) -> QuerySet[ApprovalRule]:
    """The approval rules of the parts that the person governs or audits."""
    return ApprovalRule.objects.filter(node__in=reached_nodes(person, *RULE_READERS))


def rules_to_decide(person: Person) -> QuerySet[ApprovalRuleVersion]:
    """What somebody else proposed that a rule say."""
    waiting = ApprovalRuleVersion.objects.filter(
        state=DecisionState.PROPOSED, rule__node__in=governed_nodes(person)
    )
    return waiting.exclude(proposed_by__in=logins_of([person.pk]).values("pk"))


def visible_resources(person: Person) -> QuerySet[Resource]:
    """The resources of every project that the person reaches."""
    return Resource.objects.filter(project__in=reached_projects(person))


def visible_operations(person: Person) -> QuerySet[Operation]:
    """The operations on those resources."""
    return Operation.objects.filter(resource__project__in=reached_projects(person))


def visible_solutions(person: Person) -> QuerySet[Solution]:
    """What operators said about those operations."""
    return Solution.objects.filter(operation__in=visible_operations(person))


def overseen_operations(person: Person) -> QuerySet[Operation]:
    """The operations in every project of which the person is operator or auditor."""
    return Operation.objects.filter(resource__project__in=overseen_work(person))


def overseen_work(person: Person) -> QuerySet[Project]:
    """The projects of which the person sees what runs, waits or hangs."""
    return reached_projects(person, *WORK_ROLES)


def operations_to_repair(person: Person) -> QuerySet[Operation]:
    """The operations that stopped where the person is operator."""
    projects = reached_projects(person, Role.OPERATOR)
    return Operation.objects.filter(state=OperationState.FAILED, resource__project__in=projects)


def repairable_operations(person: Person) -> QuerySet[Operation]:
    """The operations that stopped and that this person may resume or undo."""
    projects = reached_projects(person, Role.REQUESTER, Role.OPERATOR)
    return Operation.objects.filter(state=OperationState.FAILED, resource__project__in=projects)


def retirable_resources(person: Person) -> QuerySet[Resource]:
    """The running resources that this person may clean up."""
    projects = reached_projects(person, Role.REQUESTER, Role.OPERATOR)
    return Resource.objects.filter(state=ResourceState.ACTIVE, project__in=projects)


def visible_differences(person: Person) -> QuerySet[Difference]:
    """What operators repair and auditors read: where a second look agreed with the first."""
    return _reached_differences(person).exclude(state=DifferenceState.SUSPECTED)


def suspected_differences(person: Person) -> QuerySet[Difference]:
    """What they will read if a second look agrees."""
    return _reached_differences(person).filter(state=DifferenceState.SUSPECTED)


def _reached_differences(person: Person) -> QuerySet[Difference]:
    return Difference.objects.filter(project__in=reached_projects(person, *DRIFT_READERS))


def mendable_differences(person: Person) -> QuerySet[Difference]:
    """The open differences that wait for this person, as operator."""
    projects = reached_projects(person, Role.OPERATOR)
    return Difference.objects.filter(state=DifferenceState.OPEN, project__in=projects)


def may_mend(person: Person, difference: Difference) -> bool:
    """An operator of the project ignores a difference, or has it repaired."""
    return has_role(person, difference.project, Role.OPERATOR)


def visible_usage_checks(person: Person) -> QuerySet[UsageCheck]:
    """What was metered beside what the cloud counts, in the projects of this reader."""
    projects = reached_projects(person, *USAGE_CHECK_READERS)
    return UsageCheck.objects.filter(cloud_project__project__in=projects)


def repairs_to_decide(person: Person) -> QuerySet[DriftRepair]:
    """The repairs that wait for this person: never those that they proposed themselves."""
    waiting = DriftRepair.objects.filter(
        state=RepairState.PROPOSED,
        difference__state__in=[DifferenceState.OPEN, DifferenceState.IGNORED],
        difference__project__in=reached_projects(person, Role.OPERATOR),
    )
    return waiting.exclude(proposed_by=person)


def visible_quotas(person: Person) -> QuerySet[Quota]:
    """The counters of every organization and project that the person reaches."""
    return Quota.objects.filter(node__in=reached_nodes(person))


def may_decide(person: Person, order: Order) -> bool:
    """True when the person may approve or refuse this order (amount limits aside)."""
    return orders_to_decide(person).filter(pk=order.pk).exists()


def may_order_again(person: Person, order: Order) -> bool:
    """A requester of any project may begin with the answers of what is still in the catalogue."""
    return _asks_for_one_of(order, is_offered_in(orderable_projects(person)))


def may_copy_to_cart(person: Person, order: Order) -> bool:
    """Whoever may order in its project now, as long as something in it is offered there."""
    project = order.project
    if project.ended_at or not has_role(person, project, Role.REQUESTER):
        return False
    return _asks_for_one_of(order, is_offered_to(project.lineage_ids))


def _asks_for_one_of(order: Order, offered: Q) -> bool:
    lines = order.lines.filter(changes=None, assembly=None).values("offering_version__offering")
    wholes = order.assemblies.values("offering_version__offering")
    asked = Q(offering__in=lines) | Q(offering__in=wholes)
    return published_versions().filter(offered, asked).exists()


def may_comment(person: Person, order: Order) -> bool:
    """Who orders, decides or repairs in the project, until the order is settled."""
    roles = (Role.REQUESTER, Role.APPROVER, Role.OPERATOR)
    return not order.is_settled and has_role(person, order.project, *roles)


def orders_to_answer(person: Person) -> QuerySet[Order]:
    """The person's own orders about which somebody wants to know more before deciding."""
    own = visible_orders(person).filter(requested_by=person)
    return own.filter(state=OrderState.NEEDS_INFORMATION)


def may_withdraw(person: Person, order: Order) -> bool:
    """Who asked may take it back, as long as nobody decided."""
    return order.is_undecided and order.requested_by_id == person.pk


def may_retire(person: Person, resource: Resource) -> bool:
    """Who may clean up in the project of the resource."""
    return may_retire_in(person, resource.project)


def may_retire_in(person: Person, project: Project) -> bool:
    """A requester or an operator of the project may clean up."""
    return has_role(person, project, Role.REQUESTER, Role.OPERATOR)


def may_act(person: Person, resource: Resource, action: str = "") -> bool:
    """A requester or an operator of the project may stop, start and so on.

    An operator lets others in nowhere, and so has no action that hands out access.
    """
    asked = get_kind(resource.kind).actions.get(action)
    if asked and asked.gives_access:
        return may_get_in(person, resource)
    return has_role(person, resource.project, Role.REQUESTER, Role.OPERATOR)


def may_get_in(person: Person, resource: Resource) -> bool:
    """A requester of the project is shown the secrets that were made for them."""
    return has_role(person, resource.project, Role.REQUESTER)


def secrets_for(person: Person, resource: Resource) -> QuerySet[Secret]:
    """What this person may still be shown of the resource: made for them, and not read yet."""
    waiting = waiting_secrets(resource.public_id, reader=person)
    return waiting if may_get_in(person, resource) else waiting.none()


def find_secret(person: Person, resource: Resource, slot: str) -> Secret:
    """The one of those with this name.

    Raises:
        SecretGone: there is none for this person; that of somebody else is no concern of theirs.
    """
    secret = secrets_for(person, resource).filter(slot=slot.replace("\x00", "")).first()
    if secret is None:
        raise SecretGone()
    return secret


def may_change(person: Person, resource: Resource) -> bool:
    """A requester of the project orders changes of what was ordered and runs in it."""
    return not resource.is_unmanaged and has_role(person, resource.project, Role.REQUESTER)


def may_repair(person: Person, resource: Resource) -> bool:
    """A requester or an operator may resume or undo a failed delivery."""
    return has_role(person, resource.project, Role.REQUESTER, Role.OPERATOR)


def may_oversee(person: Person, resource: Resource) -> bool:
    """An operator or an auditor of the project sees what the cloud said."""
    return has_role(person, resource.project, *WORK_ROLES)


def may_solve(person: Person, resource: Resource) -> bool:
    """An operator of the project may say that work on it was solved by hand."""
    return has_role(person, resource.project, Role.OPERATOR)
