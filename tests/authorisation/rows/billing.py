"""What things cost, on pages and for programs."""

from portal.identity.models import Role
from tests.authorisation.rows.things import active_resource, node_of_project
from tests.authorisation.vocabulary import see

PAYERS = {Role.FINANCE, Role.APPROVER, Role.AUDITOR}

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
