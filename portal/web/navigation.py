"""The menu: which pages a person's roles make useful. Pages check access themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from billing.policies import COST_ROLES, months_to_close, tariff_rounds_to_decide
from catalog.models import CartLine
from catalog.offering_policies import (
    DECIDERS,
    READERS,
    may_look_behind,
    publications_to_decide,
)
from catalog.placement_policies import REGISTER_READERS, minimums_to_decide, supplies_to_decide
from catalog.policies import (
    DRIFT_READERS,
    RULE_READERS,
    USAGE_CHECK_READERS,
    WORK_ROLES,
    mendable_differences,
    operations_to_repair,
    orders_to_decide,
    rules_to_decide,
)
from catalog.quota_policies import requests_to_decide
from portal.identity.models import Person, Role
from portal.identity.policies import TREE_ROLES
from portal.identity.reviewing import REVIEW_READERS, items_to_decide
from portal.identity.role_policies import OVERSIGHT_ROLES, proposals_to_decide

EVERYBODY: Final = frozenset(Role)


@dataclass(frozen=True)
class MenuItem:
    """A page in the menu.

    Attributes:
        route: name of its address, as in ``reverse``.
        icon: name of a vendored icon.
        roles: who gets to see it.
        count_waiting: how many things on that page wait for this person; None shows no number.
        acted_on_by: for whom something can wait there at all; nobody else is counted for.
        is_for: who of those with such a role gets to see it, where the role alone does not tell.
    """

    route: str
    label: str | Promise
    icon: str
    roles: Collection[Role] = EVERYBODY
    count_waiting: Callable[[Person], int] | None = None
    acted_on_by: Collection[Role] = EVERYBODY
    is_for: Callable[[Person], bool] | None = None


@dataclass(frozen=True)
class MenuSection:
    title: str | Promise
    items: tuple[MenuItem, ...]


def _count_decisions(person: Person) -> int:
    return orders_to_decide(person).count()


def _count_collected(person: Person) -> int:
    return CartLine.objects.filter(cart__owner=person, cart__order=None).count()


def _count_repairs(person: Person) -> int:
    return operations_to_repair(person).count()


def _count_drift(person: Person) -> int:
    return mendable_differences(person).count()


def _count_closings(person: Person) -> int:
    return months_to_close(person).count()


def _count_rules(person: Person) -> int:
    return rules_to_decide(person).count()


def _count_quota_requests(person: Person) -> int:
    return requests_to_decide(person).count()


def _count_tariff_rounds(person: Person) -> int:
    return tariff_rounds_to_decide(person).count()


def _count_reviews(person: Person) -> int:
    return items_to_decide(person, now()).count()


def _count_publications(person: Person) -> int:
    return publications_to_decide(person).count()


def _count_supplies(person: Person) -> int:
    return supplies_to_decide(person).count() + minimums_to_decide(person).count()


def _count_proposals(person: Person) -> int:
    return proposals_to_decide(person).count()


MENU: Final = (
    MenuSection(
        "",
        (
            MenuItem("web:home", _("Home"), "home"),
            MenuItem("catalog:catalogue", _("Catalogue"), "layout-grid"),
            MenuItem("catalog:placement", _("Placement"), "map-pin"),
            MenuItem(
                "catalog:approvals",
                _("To decide"),
                "clipboard-check",
                frozenset({Role.APPROVER}),
                _count_decisions,
            ),
            MenuItem(
                "catalog:cart",
                _("Cart"),
                "shopping-cart",
                frozenset({Role.REQUESTER}),
                _count_collected,
            ),
            MenuItem("catalog:orders", _("Orders"), "list-check"),
            MenuItem("catalog:resources", _("Resources"), "cloud"),
        ),
    ),
    MenuSection(
        _("Insight"),
        (
            MenuItem("billing:costs", _("Costs"), "chart-bar", frozenset(COST_ROLES)),
            MenuItem("billing:budgets", _("Budgets"), "coin-euro", frozenset(COST_ROLES)),
            MenuItem(
                "billing:months",
                _("Monthly statements"),
                "receipt-euro",
                frozenset(COST_ROLES),
                _count_closings,
                acted_on_by={Role.FINANCE},
            ),
            MenuItem(
                "billing:tariffs",
                _("Tariffs"),
                "file-text",
                frozenset(COST_ROLES),
                _count_tariff_rounds,
                acted_on_by={Role.FINANCE},
            ),
            MenuItem(
                "catalog:quotas",
                _("Quotas"),
                "gauge",
                count_waiting=_count_quota_requests,
                acted_on_by={Role.QUOTA_ADMINISTRATOR},
            ),
            MenuItem(
                "catalog:supplies",
                _("Places"),
                "world",
                count_waiting=_count_supplies,
                acted_on_by=DECIDERS,
            ),
            MenuItem("catalog:placement-register", _("Known use"), "file-text", REGISTER_READERS),
            MenuItem("web:audit", _("Audit trail"), "shield-check", frozenset({Role.AUDITOR})),
        ),
    ),
    MenuSection(
        _("Cloud"),
        (
            MenuItem(
                "catalog:operations",
                _("Work in the cloud"),
                "adjustments",
                frozenset(WORK_ROLES),
                _count_repairs,
                acted_on_by={Role.OPERATOR},
            ),
            MenuItem(
                "catalog:drift",
                _("Drift"),
                "git-compare",
                DRIFT_READERS,
                _count_drift,
                acted_on_by={Role.OPERATOR},
            ),
            MenuItem(
                "catalog:usage-checks", _("Metering check"), "clipboard-check", USAGE_CHECK_READERS
            ),
        ),
    ),
    MenuSection(
        _("Administration"),
        (
            MenuItem("catalog:organizations", _("Organisations"), "sitemap", frozenset(TREE_ROLES)),
            MenuItem(
                "catalog:offerings",
                _("Manage the catalogue"),
                "file-text",
                frozenset(READERS),
                _count_publications,
                acted_on_by=DECIDERS,
                is_for=may_look_behind,
            ),
            MenuItem(
                "catalog:approval-rules",
                _("Approval rules"),
                "clipboard-check",
                RULE_READERS,
                _count_rules,
                acted_on_by={Role.QUOTA_ADMINISTRATOR},
            ),
            MenuItem("identity:people", _("People"), "users", frozenset(OVERSIGHT_ROLES)),
            MenuItem(
                "identity:role-proposals",
                _("Roles"),
                "user-check",
                frozenset(OVERSIGHT_ROLES),
                _count_proposals,
            ),
            MenuItem(
                "identity:access-reviews",
                _("Access reviews"),
                "shield-check",
                REVIEW_READERS,
                _count_reviews,
            ),
        ),
    ),
)


@dataclass(frozen=True)
class Link:
    """A menu item as it stands on the page."""

    url: str
    label: str
    icon: str
    is_current: bool
    waiting: int


@dataclass(frozen=True)
class LinkGroup:
    title: str
    links: tuple[Link, ...]


def make_menu(
    person: Person,
    roles: Collection[str],
    current_path: str,
    sections: Iterable[MenuSection] = MENU,
) -> list[LinkGroup]:
    """Return the menu of a person with these roles.

    The current link is the one with the longest address that ``current_path`` starts with.
    """
    chosen = [
        (section, [item for item in section.items if _is_shown(item, person, roles)])
        for section in sections
    ]
    urls = {item.route: reverse(item.route) for _section, items in chosen for item in items}
    current = max(
        (url for url in urls.values() if _is_below(current_path, url)), key=len, default=""
    )

    def link(item: MenuItem) -> Link:
        is_counted = item.count_waiting and set(item.acted_on_by) & set(roles)
        waiting = item.count_waiting(person) if item.count_waiting and is_counted else 0
        url = urls[item.route]
        return Link(url, str(item.label), item.icon, url == current, waiting)

    return [
        LinkGroup(str(section.title), tuple(link(item) for item in items))
        for section, items in chosen
        if items
    ]


def _is_shown(item: MenuItem, person: Person, roles: Collection[str]) -> bool:
    has_role = bool(set(item.roles) & set(roles))
    return has_role and (item.is_for is None or item.is_for(person))


def _is_below(path: str, url: str) -> bool:
    if url == "/":
        return path == "/"
    return path == url or path.startswith(f"{url.rstrip('/')}/")
