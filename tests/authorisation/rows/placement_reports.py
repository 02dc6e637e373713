"""The register of known use, concentration, and how sovereign a project is."""

from tests.authorisation.rows.placement import project_of
from tests.authorisation.vocabulary import Row, see

ROWS: list[Row] = [
    see("catalog:workload-sovereignty", of=project_of),
    see("catalog:workload-sovereignty-sheet", of=project_of, arguments=("csv",)),
    # for programs
    see("api:sovereignty-report-detail", of=project_of),
]
