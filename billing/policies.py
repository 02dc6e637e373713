"""Who sees which costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.utils.translation import gettext as _

from billing.models import (
    SHARED_SKU,
    BillingMonth,
    Dispute,
    FileSchedule,
    MeteredResource,
    MonthState,
    Price,
    ScheduledFile,
    Sku,
    SplitKey,
    SplitRecipient,
    Statement,
    StatementLine,
    TariffRound,
)
from billing.models.split_key import STANDING
from portal.core.models import is_in_force
from portal.identity.access import (
    granted_node_ids,
    has_role,
    reached_nodes,
    reached_projects,
    roles_of,
    standing_grants,
)
from portal.identity.four_eyes import logins_of
from portal.identity.models import Node, NodeKind, Person, Role
from portal.identity.models.proposed import DecisionState
from portal.identity.platform import platform_organization

# Who pays, who decides what is paid, and who checks.
COST_ROLES: Final = (Role.FINANCE, Role.APPROVER, Role.AUDITOR)
# On the organization that runs the platform: who sets the prices of everybody, and who checks.
TARIFF_READERS: Final = (Role.FINANCE, Role.AUDITOR)
MOST_NAMES: Final = 3  # of whom to ask


def visible_cost_nodes(person: Person) -> QuerySet[Node]:
    """The organizations and projects whose costs the person sees."""
    return reached_nodes(person, *COST_ROLES)


def may_see_costs(person: Person) -> bool:
    """True when the person has a role for costs anywhere."""
    return bool(roles_of(person) & set(COST_ROLES))


def find_cost_node(person: Person, public_id: UUID) -> Node:
    """Return the organization or project with this id, whose costs the person sees.

    Raises:
        Http404: the person does not reach it, so for them it does not exist.
        PermissionDenied: they reach it, with another role.
    """
    node = get_object_or_404(reached_nodes(person), public_id=public_id)
    if not has_role(person, node, *COST_ROLES):
        raise PermissionDenied
    return node


def nodes_to_budget(person: Person) -> QuerySet[Node]:
    """The living organizations and projects whose budget the person sets."""
    return reached_nodes(person, Role.FINANCE).filter(ended_at=None)


def may_set_budget(person: Person, node: Node) -> bool:
    """Finance of the node or of one above it; of what ended nobody."""
    return node.ended_at is None and has_role(person, node, Role.FINANCE)


def finance_to_ask(node: Node) -> str:
    """Who can change the budget of a node, by name, the nearest first. One query."""
    lineage = node.lineage_ids
    grants = standing_grants(Role.FINANCE).filter(node__in=lineage).select_related("person")
    nearest = sorted(grants, key=lambda grant: (-lineage.index(grant.node_id), grant.person.name))
    names = dict.fromkeys(grant.person.name for grant in nearest)
    text = _("nobody yet; “{node}” has no one for finance").format(node=node.name)
    return ", ".join(list(names)[:MOST_NAMES]) or text


def topmost(nodes: QuerySet[Node]) -> QuerySet[Node]:
    """Those of ``nodes`` that stand below none of the others: together they cover all of them."""
    return nodes.exclude(parent__in=nodes.values("pk"))


def visible_metered_resources(person: Person) -> QuerySet[MeteredResource]:
    """Everybody with a role on a project sees what its resources cost."""
    return MeteredResource.objects.filter(project__in=reached_projects(person))


def may_set_tariffs(person: Person) -> bool:
    """Finance of the organization that runs the platform proposes and decides what things cost."""
    return _has_platform_role(person, Role.FINANCE)


def may_read_tariff_rounds(person: Person) -> bool:
    """Who sets prices, and who audits that."""
    return _has_platform_role(person, *TARIFF_READERS)


def visible_tariff_rounds(person: Person) -> QuerySet[TariffRound]:
    """Every round, for who sets prices or audits that; nothing for anybody else."""
    rounds = TariffRound.objects.all()
    return rounds if may_read_tariff_rounds(person) else rounds.none()


def tariff_rounds_to_decide(person: Person) -> QuerySet[TariffRound]:
    """What somebody else proposed, for who may decide."""
    waiting = TariffRound.objects.filter(state=DecisionState.PROPOSED)
    if not may_set_tariffs(person):
        return waiting.none()
    return waiting.exclude(proposed_by__in=logins_of([person.pk]).values("pk"))


def visible_skus(person: Person) -> QuerySet[Sku]:
    """What there can be prices of, for who sets these or audits that; nothing for anybody else."""
    skus = Sku.objects.exclude(code=SHARED_SKU)
    return skus if may_read_tariff_rounds(person) else skus.none()


def visible_prices(person: Person) -> QuerySet[Price]:
    """The prices for everybody, and those that organizations have for themselves.

    Of the latter those that hold, or could, where the person sees costs; who sets prices or audits
    that sees all of them.
    """
    if may_read_tariff_rounds(person):
        return Price.objects.all()
    return Price.objects.filter(_reach_prices(person, *COST_ROLES))


def readable_prices(person: Person) -> QuerySet[Price]:
    """Those of ``visible_prices``; and what holds now wherever the person has any other role.

    The catalogue tells whoever orders there what things cost.
    """
    now_here = Price.objects.filter(_reach_prices(person), is_in_force(now()))
    if not may_see_costs(person):
        return now_here
    return Price.objects.filter(
        Q(pk__in=visible_prices(person).values("pk")) | Q(pk__in=now_here.values("pk"))
    )


def places_with_prices(person: Person) -> QuerySet[Node]:
    """Where the person may ask what things cost: all places, for who sets prices or audits that."""
    return Node.objects.all() if may_read_tariff_rounds(person) else reached_nodes(person)


def sees_other_times(person: Person, node: Node) -> bool:
    """Whether the person sees what prices of a node were and will be."""
    return may_read_tariff_rounds(person) or has_role(person, node, *COST_ROLES)


def may_close(person: Person) -> bool:
    """Who does the books of the platform: finance of the organization that runs it."""
    return _has_platform_role(person, Role.FINANCE)


def visible_statements(person: Person) -> QuerySet[Statement]:
    """Statements of the organizations whose costs the person sees; of all for who closes months."""
    if may_close(person):
        return Statement.objects.all()
    return Statement.objects.filter(organization__in=visible_cost_nodes(person))


def visible_lines(person: Person) -> QuerySet[StatementLine]:
    """What is on those; who reads a line reads all the use behind it."""
    return StatementLine.objects.filter(statement__in=visible_statements(person))


def may_share_out(person: Person, projects: Iterable[Node]) -> bool:
    """Finance of all these projects says who bears the costs of one; and who does the books."""
    wanted = {project.pk for project in projects}
    if may_close(person):
        return True
    return wanted <= set(
        reached_nodes(person, Role.FINANCE).filter(pk__in=wanted).values_list("pk", flat=True)
    )


def may_propose_split_keys(person: Person) -> bool:
    """True of finance anywhere: which projects it is about is looked at later."""
    return Role.FINANCE in roles_of(person)


def projects_to_share(person: Person) -> QuerySet[Node]:
    """The living projects whose costs the person may have others bear, or which may bear some."""
    living = Node.objects.filter(kind=NodeKind.PROJECT, ended_at=None)
    return living if may_close(person) else living & reached_nodes(person, Role.FINANCE)


def visible_split_keys(person: Person) -> QuerySet[SplitKey]:
    """Keys about a project whose costs the person sees, be it only as one that bears a part.

    What was refused or taken back does not concern who would have borne a part.
    """
    if may_close(person):
        return SplitKey.objects.all()
    seen = visible_cost_nodes(person).values("pk")
    borne = SplitKey.objects.filter(recipients__project__in=seen).values("pk")
    return SplitKey.objects.filter(
        Q(source__in=seen) | Q(state__in=STANDING) & (Q(pk__in=borne) | Q(ends__in=borne))
    )


def visible_recipients(person: Person) -> QuerySet[SplitRecipient]:
    """Who bears a part, of keys that the person sees: only projects whose costs they see as well.

    Of all others they know how many they are, and what these bear together.
    """
    if may_close(person):
        return SplitRecipient.objects.all()
    return SplitRecipient.objects.filter(project__in=visible_cost_nodes(person).values("pk"))


def sees_costs_of_all(person: Person, projects: Iterable[Node]) -> bool:
    """Whether the person sees what each of these projects costs; who does the books does."""
    wanted = {project.pk for project in projects}
    if may_close(person):
        return True
    seen = visible_cost_nodes(person).filter(pk__in=wanted)
    return wanted <= set(seen.values_list("pk", flat=True))


def split_keys_to_decide(person: Person) -> QuerySet[SplitKey]:
    """What another human proposed, among what the person sees; who decides must reach all of it."""
    waiting = SplitKey.objects.filter(state=DecisionState.PROPOSED)
    # Everybody's first page asks, and mostly nothing waits: one look then.
    if not waiting.exists() or not may_propose_split_keys(person):
        return waiting.none()
    visible = waiting.filter(pk__in=visible_split_keys(person).values("pk"))
    return visible.exclude(proposed_by__in=logins_of([person.pk]).values("pk"))


def may_dispute(person: Person, statement: Statement) -> bool:
    """Finance of whoever pays it, or of an organization above it."""
    return has_role(person, statement.organization, Role.FINANCE)


def visible_disputes(person: Person) -> QuerySet[Dispute]:
    """Of the statements that the person sees."""
    return Dispute.objects.filter(line__statement__in=visible_statements(person))


def disputes_to_answer(person: Person) -> QuerySet[Dispute]:
    """What another human disputed, for who may give back."""
    waiting = Dispute.objects.filter(state=DecisionState.PROPOSED)
    if not may_close(person):
        return waiting.none()
    return waiting.exclude(proposed_by__in=logins_of([person.pk]).values("pk"))


def may_allocate(person: Person, node: Node) -> bool:
    """Finance of the node, or of one above it, says what its costs fall under."""
    return has_role(person, node, Role.FINANCE)


def may_schedule_files(person: Person, node: Node, *, also_ended: bool = False) -> bool:
    """Finance of the node, or of one above it; of what ended files can only be stopped."""
    return (also_ended or node.ended_at is None) and has_role(person, node, Role.FINANCE)


def organizations_to_schedule(person: Person) -> QuerySet[Node]:
    """The living organizations for which the person sets up files."""
    return nodes_to_budget(person).filter(kind=NodeKind.ORGANIZATION)


def visible_schedules(person: Person) -> QuerySet[FileSchedule]:
    """Those of the organizations whose costs the person sees."""
    return FileSchedule.objects.filter(organization__in=visible_cost_nodes(person))


def visible_files(person: Person) -> QuerySet[ScheduledFile]:
    """The files of those."""
    return ScheduledFile.objects.filter(schedule__in=visible_schedules(person))


def months_to_close(person: Person) -> QuerySet[BillingMonth]:
    """The month that somebody else began to close, for who may close it."""
    if not may_close(person):
        return BillingMonth.objects.none()
    begun = BillingMonth.objects.filter(state=MonthState.CLOSING)
    return begun.exclude(closing_by__in=logins_of([person.pk]).values("pk"))


def _reach_prices(person: Person, *roles: Role) -> Q:
    """Prices that hold, or could, where the person has one of these roles; without any: a role."""
    granted = Node.objects.filter(pk__in=granted_node_ids(person, roles))
    above = {pk for node in granted for pk in node.lineage_ids}
    below = reached_nodes(person, *roles).values("pk")
    return Q(organization=None) | Q(organization__in=above) | Q(organization__in=below)


def _has_platform_role(person: Person, *roles: Role) -> bool:
    organization = platform_organization()
    return organization is not None and has_role(person, organization, *roles)
