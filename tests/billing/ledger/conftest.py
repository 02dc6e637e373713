"""A closed month: the fixtures of tests/billing/months."""

from tests.billing.months.conftest import (
    close,
    first,
    platform,
    project,
    second,
    server,
    service,
)

__all__ = ["close", "first", "platform", "project", "second", "server", "service"]
