"""The register of known use, concentration, and how sovereign a project is."""

from __future__ import annotations

from django.utils.timezone import localdate

from portal.identity.models import Role
from tests.authorisation.rows.placement import project_of
from tests.authorisation.rows.things import project
from tests.authorisation.vocabulary import Change, Row, see

READERS = {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR, Role.FINANCE}
YEAR = localdate().year

ROWS: list[Row] = [
    see("catalog:placement-register", by=READERS),
    see("catalog:placement-register-json", by=READERS, changes=Change.RECORD),
    see(
        "catalog:placement-register-sheet",
        arguments=("csv",),
        by=READERS,
        changes=Change.RECORD,
    ),
    see(
        "catalog:known-use-report",
        arguments=(str(YEAR), "json"),
        by=READERS,
        changes=Change.RECORD,
    ),
    see("catalog:concentration", by=READERS),
    see("catalog:concentration-sheet", arguments=("csv",), by=READERS),
    see("catalog:concentration-json", by=READERS),
    see("api:placement-register-list", by=READERS),
    see("api:placement-register-list", case="of a project", query=project, by=READERS),
    see("catalog:workload-sovereignty", of=project_of),
    see("catalog:workload-sovereignty-sheet", of=project_of, arguments=("csv",)),
    see("api:sovereignty-report-detail", of=project_of),
    see("api:concentration-list", by=READERS),
]
