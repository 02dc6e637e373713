"""The table of acts that bind somebody else: who does each, and through which doors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.test import Client
from django.utils.timezone import localdate

from catalog.services.limits import end_limits
from catalog.services.tree import end_node, move_node
from portal.core.formats import DATE_FORMATS
from portal.identity.models import (
    ClaimBar,
    LinkProposal,
    LoginSession,
    Node,
    Person,
    ReviewItem,
    ReviewScope,
    Role,
    VatTreatment,
)
from portal.identity.services.deputies import appoint_deputy
from portal.identity.services.facts import set_cost_centre, set_vat_treatment
from portal.identity.services.links import (
    WantedLink,
    confirm_link,
    propose_link,
    refuse_link,
)
from portal.identity.services.people import end_person, reinstate_person
from portal.identity.services.proposals import grant_role
from portal.identity.services.reviews import keep_grants, open_campaign, withdraw_grant
from portal.identity.services.roles import end_grant, lift_bar
from portal.identity.services.sessions import end_session
from portal.identity.services.tree import add_organization, edit_organization
from tests.factories import (
    PersonFactory,
    administrator_of,
    grant,
    grant_in_portal,
    make_organization,
    make_project,
    propose,
    propose_replacement,
)
from tests.logins import log_in
from tests.portal.identity.billing_acts import (
    beginning_to_close,
    closing_a_month,
    confirming_a_credit,
    confirming_a_split_key,
    refusing_a_split_key,
)
from tests.portal.identity.budget_acts import ending_a_budget, setting_a_budget
from tests.portal.identity.catalog_acts import (
    approving,
    confirming_a_repair,
    confirming_a_solution,
    ending_a_protection,
    letting_hand_out_more,
    publishing,
    refusing_a_publication,
    refusing_a_repair,
    rejecting,
    retiring_a_resource,
    retiring_a_whole,
    setting_a_limit,
    setting_limits_of_a_plan,
    solving_by_hand,
    stopping_a_delivery,
    undoing_a_delivery,
    withdrawing_a_version,
)
from tests.portal.identity.cost_acts import (
    allocating_a_project,
    allocating_a_resource,
    defining_a_tag_key,
    tagging_a_resource,
    withdrawing_a_tag_key,
)
from tests.portal.identity.doors import Doors, Get
from tests.portal.identity.placement_acts import (
    classifying_a_project,
    confirming_a_minimum,
    confirming_a_supply,
    refusing_a_minimum,
    refusing_a_supply,
)
from tests.portal.identity.quota_acts import granting_a_request, refusing_a_request
from tests.portal.identity.rule_acts import confirming_a_rule, refusing_a_rule
from tests.portal.identity.tariff_acts import confirming_a_round, refusing_a_round

# --- roles -------------------------------------------------------------------------------------


def granting_a_role(get: Get) -> Doors:
    administrator = get("administrator")
    proposal = propose(
        get("employee"), Role.FINANCE, get("directorate"), proposed_by=get("colleague")
    )
    page = f"/role-proposals/{proposal.public_id}"
    return Doors(
        actor=administrator,
        service=lambda: grant_role(proposal.public_id, actor=administrator),
        page=f"{page}/grant",
        stands_on=page,
        form={"reason": "Akkoord"},
    )


def granting_a_deputy(get: Get) -> Doors:
    approver = get("approver")
    proposal = propose_replacement(approver, get("employee"), proposed_by=get("administrator"))
    page = f"/role-proposals/{proposal.public_id}"
    return Doors(
        actor=approver,
        service=lambda: grant_role(proposal.public_id, actor=approver),
        page=f"{page}/grant",
        stands_on=page,
        form={"reason": "Dank"},
    )


def confirming_a_link(get: Get) -> Doors:
    link, colleague = _link(get), get("colleague")
    page = f"/identity-links/{link.public_id}"
    return Doors(
        actor=colleague,
        service=lambda: confirm_link(link.public_id, actor=colleague),
        page=f"{page}/confirm",
        stands_on=page,
        form={"reason": "Gezien"},
    )


def refusing_a_link(get: Get) -> Doors:
    link, colleague = _link(get), get("colleague")
    page = f"/identity-links/{link.public_id}"
    return Doors(
        actor=colleague,
        service=lambda: refuse_link(link.public_id, actor=colleague, reason="Zijn broers"),
        page=f"{page}/refuse",
        stands_on=page,
        form={"reason": "Zijn broers"},
    )


def _link(get: Get) -> LinkProposal:
    twin = PersonFactory()
    grant(twin, Role.FINANCE, get("project"), issuer="https://elders.example.nl")
    wanted = WantedLink(holder=twin, receiver=get("employee"), reason="Liet beide passen zien")
    return propose_link(wanted, actor=get("administrator"))


def ending_a_role(get: Get) -> Doors:
    administrator = get("administrator")
    held = grant_in_portal(PersonFactory(), Role.FINANCE, get("directorate"))
    return Doors(
        actor=administrator,
        service=lambda: end_grant(held.public_id, actor=administrator, reason="Andere functie"),
        page=f"/role-grants/{held.public_id}/end",
        form={"reason": "Andere functie"},
    )


def lifting_a_bar(get: Get) -> Doors:
    administrator, person = get("administrator"), PersonFactory()
    claimed = grant(person, Role.FINANCE, get("directorate"))
    end_grant(claimed.public_id, actor=administrator, reason="Andere functie")
    bar = ClaimBar.objects.get(person=person)
    return Doors(
        actor=administrator,
        service=lambda: lift_bar(bar.public_id, actor=administrator),
        page=f"/claim-bars/{bar.public_id}/lift",
        stands_on=f"/organizations/{bar.node.public_id}/roles",
    )


# --- reviews of roles --------------------------------------------------------------------------


def opening_a_review(get: Get) -> Doors:
    administrator, root = get("administrator"), get("ministry")
    return Doors(
        actor=administrator,
        service=lambda: open_campaign(root.public_id, ReviewScope.ALL, opened_by=administrator),
        page="/access-reviews",
        form={"root": str(root.public_id), "scope": "privileged"},
    )


def reviewed_role() -> tuple[Person, ReviewItem]:
    """A reviewer, and a role in an open review that they may decide on."""
    root, person = make_organization(), PersonFactory()
    administrator = administrator_of(root)
    grant_in_portal(person, Role.FINANCE, root)
    campaign = open_campaign(root.public_id, ReviewScope.ALL, opened_by=administrator)
    return administrator, campaign.items.get(person=person)


def confirming_a_role(_get: Get) -> Doors:
    reviewer, item = reviewed_role()
    page = f"/access-reviews/{item.campaign.public_id}"
    return Doors(
        actor=reviewer,
        service=lambda: keep_grants(item.campaign.public_id, [item.public_id], reviewer=reviewer),
        page=f"{page}/keep",
        stands_on=page,
        form={"item": str(item.public_id)},
    )


def withdrawing_a_role(_get: Get) -> Doors:
    reviewer, item = reviewed_role()
    campaign_id = item.campaign.public_id
    return Doors(
        actor=reviewer,
        service=lambda: withdraw_grant(
            campaign_id, item.public_id, reviewer=reviewer, reason="Niet meer nodig"
        ),
        page=f"/access-reviews/{campaign_id}/items/{item.public_id}/withdraw",
        form={"reason": "Niet meer nodig"},
    )


# --- people ------------------------------------------------------------------------------------


def ending_a_session(get: Get) -> Doors:
    operator, requester = PersonFactory(), get("requester")
    grant(operator, Role.OPERATOR, get("project").parent)
    log_in(Client(), requester)
    session = LoginSession.objects.get(identity__person=requester)
    page = f"/people/{requester.public_id}/sessions"
    return Doors(
        actor=operator,
        service=lambda: end_session(session.public_id, actor=operator),
        page=f"{page}/{session.public_id}/end",
        stands_on=page,
    )


def ending_a_person(get: Get) -> Doors:
    administrator, person = get("administrator"), get("employee")
    return Doors(
        actor=administrator,
        service=lambda: end_person(person.public_id, actor=administrator, reason="Uit dienst"),
        page=f"/people/{person.public_id}/end",
        form={"reason": "Uit dienst"},
    )


def reinstating_a_person(get: Get) -> Doors:
    administrator, person = get("administrator"), PersonFactory()
    grant_in_portal(person, Role.FINANCE, get("directorate"))
    end_person(person.public_id, actor=administrator, reason="Uit dienst")
    return Doors(
        actor=administrator,
        service=lambda: reinstate_person(person.public_id, actor=administrator),
        page=f"/people/{person.public_id}/reinstate",
        stands_on=f"/people/{person.public_id}",
    )


def appointing_a_deputy(get: Get) -> Doors:
    absent, deputy = get("approver"), get("employee")
    first_day, last_day = localdate(), localdate() + timedelta(days=7)
    return Doors(
        actor=absent,
        service=lambda: appoint_deputy(
            deputy, first_day=first_day, last_day=last_day, actor=absent
        ),
        page="/account/deputy",
        form={
            "deputy": str(deputy.public_id),
            "first_day": first_day.strftime(DATE_FORMATS[0]),
            "last_day": last_day.strftime(DATE_FORMATS[0]),
        },
    )


# --- the tree ----------------------------------------------------------------------------------


def adding_an_organization(get: Get) -> Doors:
    administrator, directorate = get("administrator"), get("directorate")
    answers = {"name": "Waterbeheer", "code": "waterbeheer", "kvk_number": "12345678"}
    return Doors(
        actor=administrator,
        service=lambda: add_organization(directorate.public_id, actor=administrator, **answers),
        page=f"/organizations/{directorate.public_id}/add-organization",
        form=answers,
    )


def editing_an_organization(get: Get) -> Doors:
    administrator, directorate = get("administrator"), get("directorate")
    answers = {"name": directorate.name, "code": directorate.code, "kvk_number": "12345678"}
    return Doors(
        actor=administrator,
        service=lambda: edit_organization(directorate.public_id, actor=administrator, **answers),
        page=f"/organizations/{directorate.public_id}/edit",
        form=answers,
    )


def setting_a_cost_centre(get: Get) -> Doors:
    administrator, project = get("administrator"), get("project")
    answers = {"code": "410210", "name": "Water"}
    return Doors(
        actor=administrator,
        service=lambda: set_cost_centre(
            project.public_id, actor=administrator, starts_on=localdate(), **answers
        ),
        page=f"/organizations/{project.public_id}/cost-centre",
        form={**answers, "starts_on": localdate().strftime(DATE_FORMATS[0])},
    )


def setting_the_vat(get: Get) -> Doors:
    administrator, directorate = get("administrator"), get("directorate")
    treatment = VatTreatment.values[-1]
    return Doors(
        actor=administrator,
        service=lambda: set_vat_treatment(
            directorate.public_id, actor=administrator, treatment=treatment, starts_on=localdate()
        ),
        page=f"/organizations/{directorate.public_id}/vat-treatment",
        form={"treatment": treatment, "starts_on": localdate().strftime(DATE_FORMATS[0])},
    )


def moving_a_node(get: Get) -> Doors:
    administrator, project = get("administrator"), get("project")
    parent: Node = make_organization(get("ministry"), name="Directie Elders")
    end_limits(project)
    return Doors(
        actor=administrator,
        service=lambda: move_node(
            project.public_id, new_parent=parent.public_id, actor=administrator
        ),
        page=f"/organizations/{project.public_id}/move",
        form={"parent": str(parent.public_id)},
    )


def ending_a_node(get: Get) -> Doors:
    administrator = get("administrator")
    node = make_project(get("directorate"), name="Afgerond")
    return Doors(
        actor=administrator,
        service=lambda: end_node(node.public_id, actor=administrator, confirmation=node.name),
        page=f"/organizations/{node.public_id}/end",
        form={"confirmation": node.name},
    )


# An act that has two pages has two rows; what follows its name says which.
TABLE: Final[dict[str, Callable[[Get], Doors]]] = {
    "order.approve": approving,
    "order.reject": rejecting,
    "quota.allow_overcommit": letting_hand_out_more,
    "quota.set_limit": setting_a_limit,
    "quota.set_limit of a plan": setting_limits_of_a_plan,
    "budget.set": setting_a_budget,
    "budget.end": ending_a_budget,
    "quota_request.confirm": granting_a_request,
    "quota_request.refuse": refusing_a_request,
    "resource.retire": retiring_a_resource,
    "assembly.retire": retiring_a_whole,
    "resource.unprotect": ending_a_protection,
    "operation.cancel": stopping_a_delivery,
    "operation.compensate": undoing_a_delivery,
    "operation.solve": solving_by_hand,
    "operation.confirm_solution": confirming_a_solution,
    "drift.confirm_repair": confirming_a_repair,
    "drift.refuse_repair": refusing_a_repair,
    "offering.publish": publishing,
    "offering.refuse": refusing_a_publication,
    "offering.withdraw": withdrawing_a_version,
    "month.begin_closing": beginning_to_close,
    "month.close": closing_a_month,
    "credit.confirm": confirming_a_credit,
    "approval_rule.confirm": confirming_a_rule,
    "approval_rule.refuse": refusing_a_rule,
    "split_key.confirm": confirming_a_split_key,
    "split_key.refuse": refusing_a_split_key,
    "tariff_round.confirm": confirming_a_round,
    "tariff_round.refuse": refusing_a_round,
    "role.grant": granting_a_role,
    "role.grant to a deputy": granting_a_deputy,
    "identity.link": confirming_a_link,
    "identity.refuse_link": refusing_a_link,
    "role.end": ending_a_role,
    "role.lift_bar": lifting_a_bar,
    "review.open": opening_a_review,
    "role.confirm": confirming_a_role,
    "role.withdraw": withdrawing_a_role,
    "session.end_of_another": ending_a_session,
    "person.end": ending_a_person,
    "person.reinstate": reinstating_a_person,
    "deputy.appoint": appointing_a_deputy,
    "organization.add": adding_an_organization,
    "organization.edit": editing_an_organization,
    "project.classify": classifying_a_project,
    "supply.confirm": confirming_a_supply,
    "supply.refuse": refusing_a_supply,
    "seal_minimum.confirm": confirming_a_minimum,
    "seal_minimum.refuse": refusing_a_minimum,
    "cost_centre.set": setting_a_cost_centre,
    "allocation.set": allocating_a_project,
    "allocation.set of a resource": allocating_a_resource,
    "tag.set": tagging_a_resource,
    "tag_key.define": defining_a_tag_key,
    "tag_key.withdraw": withdrawing_a_tag_key,
    "vat_treatment.set": setting_the_vat,
    "node.move": moving_a_node,
    "node.end": ending_a_node,
}
WITH_PAGE: Final = tuple(TABLE)
WITH_API: Final = (
    "order.approve",
    "order.reject",
    "quota.set_limit of a plan",
    "budget.set",
    "budget.end",
    "quota_request.confirm",
    "quota_request.refuse",
    "resource.retire",
    "assembly.retire",
    "resource.unprotect",
    "operation.cancel",
    "operation.compensate",
    "operation.solve",
    "operation.confirm_solution",
    "drift.confirm_repair",
    "drift.refuse_repair",
    "offering.publish",
    "offering.refuse",
    "offering.withdraw",
    "split_key.confirm",
    "split_key.refuse",
    "tariff_round.confirm",
    "tariff_round.refuse",
    "supply.confirm",
    "supply.refuse",
    "tag.set",
    "tag_key.define",
    "tag_key.withdraw",
)
