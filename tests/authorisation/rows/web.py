"""The first page, and what the portal tells to machines and to everybody."""

from portal.identity.models import Role
from tests.authorisation.rows.offerings import DECIDERS
from tests.authorisation.vocabulary import public, see

ROWS = [
    # Who decides on prices reads for whom they are, and who decides on places what is proposed.
    see("web:home", shows_organizations_to={Role.FINANCE, *DECIDERS}),
    public("GET", "web:health-live"),
    public("GET", "web:health-ready"),
    public("GET", "web:security-txt"),
    public("POST", "set-language", answer=302, body={"language": "en"}),
    public("GET", "api:openapi"),
]
