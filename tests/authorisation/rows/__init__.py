"""The table: every operation of the portal, by part. A new part gets a file and a line here."""

from tests.authorisation.rows import (
    audit,
    billing,
    budgets,
    catalog,
    catalog_api,
    drift,
    identity,
    offerings,
    organizations,
    quota_requests,
    reviews,
    roles,
    rules,
    sessions,
    tariffs,
    web,
)

MATRIX = [
    *web.ROWS,
    *identity.ROWS,
    *sessions.ROWS,
    *organizations.ROWS,
    *roles.ROWS,
    *rules.ROWS,
    *reviews.ROWS,
    *audit.ROWS,
    *catalog.ROWS,
    *catalog_api.ROWS,
    *quota_requests.ROWS,
    *drift.ROWS,
    *offerings.ROWS,
    *billing.ROWS,
    *budgets.ROWS,
    *tariffs.ROWS,
]
