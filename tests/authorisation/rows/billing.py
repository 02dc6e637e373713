"""What things cost, on pages and for programs."""

from django.utils.timezone import localdate

from portal.core.formats import DATE_FORMATS
from portal.identity.models import Role
from tests.authorisation.rows.things import active_resource, directorate_itself, node_of_project
from tests.authorisation.vocabulary import act, see
from tests.authorisation.world import Tenant

PAYERS = {Role.FINANCE, Role.APPROVER, Role.AUDITOR}
OF_PROJECT = {"case": "of a project", "query": node_of_project, "by": PAYERS, "unseen": 404}


def cost_object(_tenant: Tenant) -> dict[str, str]:
    """A complete form, from today on."""
    today = localdate().strftime(DATE_FORMATS[0])
    return {"key": "cost_object", "value": "zaken", "starts_on": today}


ROWS = [
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
    see("billing:focus-rows", by=PAYERS, shows_platform=True),
    see(
        "billing:focus-rows",
        case="of a project",
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
    see("billing:resource-allocation", of=active_resource),
    act(
        "billing:resource-allocation",
        of=active_resource,
        body=cost_object,
        by={Role.FINANCE},
        answer=303,
        is_strong=True,
    ),
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
    see("billing:cost-centers-sheet", by=PAYERS),
    see("billing:cost-centers-sheet", **OF_PROJECT),
    see("charge-list", by=PAYERS),
    see(
        "charge-list",
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
