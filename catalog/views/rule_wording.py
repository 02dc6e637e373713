"""Approval rules, and the steps of an order, in words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.kinds import all_kinds
from catalog.models import ApprovalRuleVersion, OfferingVersionState, Order
from catalog.services.approval_routes import Waiting, route_of, waiting_step
from catalog.services.approvals import waits_for_rule
from portal.core.formats import money


def rule_in_words(version: ApprovalRuleVersion) -> list[tuple[str, str]]:
    """About which orders a version is, and who approves those: question and answer."""
    if version.ends_rule:
        return [(_("From then on"), _("The rule says nothing any more."))]
    labels = {kind.key: str(kind.label) for kind in all_kinds()}
    kinds = [labels.get(kind, kind) for kind in version.kinds]
    level = version.protection_level
    automatic = version.automatic_below
    return [
        (
            _("For orders from"),
            _("{amount} in the first month").format(amount=money(version.amount_from))
            if version.amount_from
            else _("Any amount"),
        ),
        (_("What is ordered"), _offering_in_words(version) or ", ".join(kinds) or _("Everything")),
        (
            _("Interest to protect"),
            _("TBB {level} and higher").format(level=level) if level else _("Any"),
        ),
        (_("Personal data"), _("Only with") if version.personal_data else _("With or without")),
        (
            _("Approved by itself"),
            _("Below {amount} in the first month").format(amount=money(automatic))
            if automatic
            else _("Never"),
        ),
        (_("Else approved by"), _people_in_words(version)),
    ]


def _offering_in_words(version: ApprovalRuleVersion) -> str:
    """As its newest version is called; uses ``versions``."""
    if version.offering is None:
        return ""
    versions = version.offering.versions.all()
    # A draft is for those who work on it; what was only ever one has no other name.
    known = [each for each in versions if each.state != OfferingVersionState.DRAFT]
    newest = max(known or versions, key=lambda each: each.number)
    return _("{name}, in every version").format(name=newest.name)


def _people_in_words(version: ApprovalRuleVersion) -> str:
    of_project = ngettext(
        "{count} approver of the project",
        "{count} approvers of the project",
        version.people_of_project,
    ).format(count=version.people_of_project)
    of_node = ngettext(
        "{count} approver of {node}", "{count} approvers of {node}", version.people_of_node
    ).format(count=version.people_of_node, node=version.rule.node.name)
    if not version.people_of_node:
        return of_project
    if not version.people_of_project:
        return of_node
    return _("{first}, then {second}").format(first=of_project, second=of_node)


def waiting_in_words(order: Order) -> str:
    """Whom an order waits for; nothing where one approver of the project will do."""
    if "approval" not in order.conditions:
        return ""
    if waits_for_rule(order):
        return _("A rule approves this by itself. If something got worse, a person decides.")
    waiting = waiting_step(order)
    if waiting:
        return _step_in_words(waiting, order)
    if route_of(order).automatic:
        return _("A rule would approve this by itself, but not as it is now. So a person decides.")
    return ""


def _step_in_words(waiting: Waiting, order: Order) -> str:
    name = waiting.node.name if waiting.node else order.project.name
    text = ngettext(
        "Step {number} of {of}: waits for {count} approver of {name}.",
        "Step {number} of {of}: waits for {count} approvers of {name}.",
        waiting.people_left,
    )
    return text.format(number=waiting.number, of=waiting.of, count=waiting.people_left, name=name)
