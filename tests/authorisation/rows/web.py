"""The first page, and what the portal tells to machines and to everybody."""

from tests.authorisation.vocabulary import public, see

ROWS = [
    see("web:home"),
    public("GET", "web:health-live"),
    public("GET", "web:health-ready"),
    public("GET", "web:security-txt"),
    public("POST", "set-language", answer=302, body={"language": "en"}),
    public("GET", "api:openapi"),
]
