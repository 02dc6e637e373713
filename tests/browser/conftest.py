"""Real people at a real browser, against the whole running stack that ./test brings up.

./test gives CLOUDLOKET_TEST_PORTAL_URL, CLOUDLOKET_TEST_PORTAL_DATABASE_URL and
OS_CLIENT_CONFIG_FILE. Nothing here uses Django's own test database.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import openstack
import pytest
from openstack.connection import Connection
from playwright.sync_api import Browser, expect

from tests.browser.ledger import Ledger
from tests.browser.sessions import Sessions
from tests.browser.visitor import Visitor
from tests.chromium import running_chromium

Visit = Callable[..., Visitor]
expect.set_options(timeout=20_000)  # milliseconds; the machine may do much else meanwhile


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Of these tests only: while it runs, Django refuses its database to this thread."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="package")
def portal() -> str:
    return os.environ["CLOUDLOKET_TEST_PORTAL_URL"]


@pytest.fixture
def visit(chromium: Browser, portal: str) -> Iterator[Visit]:
    """Lets a person of the demonstration log in, each in a browser context of their own."""
    visitors: list[Visitor] = []

    def log_in(account: str, *, has_script: bool = True) -> Visitor:
        visitor = Visitor(chromium, portal, account, has_script=has_script)
        visitors.append(visitor)
        visitor.log_in()
        return visitor

    yield log_in
    for visitor in visitors:
        visitor.leave()


@pytest.fixture(scope="package")
def operator() -> Iterator[Connection]:
    """The cloud as its administrator sees it."""
    with openstack.connect(cloud="sovereign-admin") as cloud:
        yield cloud


@pytest.fixture(scope="package")
def ledger() -> Iterator[Ledger]:
    with Ledger.open(os.environ["CLOUDLOKET_TEST_PORTAL_DATABASE_URL"]) as ledger:
        yield ledger


@pytest.fixture(scope="package")
def sessions() -> Iterator[Sessions]:
    sessions = Sessions.of_stack()
    yield sessions
    sessions.connection.close()
