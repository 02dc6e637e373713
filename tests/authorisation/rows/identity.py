"""Logging in and out. Nobody comes in by these requests: they carry no proof of a provider."""

from django.conf import settings

from tests.authorisation.vocabulary import Change, Row, act, public


def _of_provider(key: str) -> list[Row]:
    answer = {"iss": settings.OIDC_PROVIDERS[key].issuer, "code": "x", "state": "unknown"}
    return [
        public("GET", f"identity:start-{key}", answer=302),
        public("GET", f"identity:callback-{key}", answer=400, query=answer, changes=Change.RECORD),
        public("POST", f"identity:backchannel-logout-{key}", answer=400, changes=Change.RECORD),
    ]


ROWS = [
    public("GET", "identity:login", answer=302),
    act("identity:logout", stranger=302),
    *(row for key in settings.OIDC_PROVIDERS for row in _of_provider(key)),
]
