"""What every test may use. The database is a real PostgreSQL; nothing is sent to a broker.

Also when two workers of pytest run side by side each has a database, a folder and ports of its own.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, Final

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import TransactionTestCase
from django.utils import translation

from catalog.models import OfferingVersion
from portal.audit.apps import add_missing_chains
from portal.identity.models import Person, Project, Role
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    generous_limits,
    grant,
    make_project,
    priced,
)
from tests.leaning import leans_on_database
from tests.migrated_once import migrated_once

# Of garbage that refers to itself: how many new objects, and how many looks at the youngest,
# before it is looked for. Python's own (700, 10, 10) is for programs that hold less.
_LOOK_FOR_GARBAGE: Final = (20_000, 20, 50)
_KEPT: Final = {"django_content_type", "auth_permission"}  # what ``migrate`` writes there


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what leans on the database, so that nobody has to think of it."""
    for item in items:
        if isinstance(item, pytest.Function) and leans_on_database(item):
            item.add_marker("database")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for garbage less often, and not among what stays until the end: modules and tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_LOOK_FOR_GARBAGE)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    request: pytest.FixtureRequest,
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: Any,
) -> None:
    """In place of pytest-django's: of workers side by side one migrates, and all copy that."""
    if hasattr(request.config, "workerinput"):
        with django_db_blocker.unblock():
            connection.settings_dict["TEST"]["TEMPLATE"] = migrated_once()


@pytest.fixture(scope="session", autouse=True)
def quick_emptying() -> Iterator[None]:
    """Empty the tables between transactional tests without Django's TRUNCATE of every one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: empty_tables())
        yield


def empty_tables() -> None:
    """Delete what is in the tables, as the superuser that the tests are: no trigger hears of it.

    TRUNCATE makes new files for each table and index, and would have to be let through by the
    audit trail; this costs a tenth.
    """
    tables = set(connection.introspection.django_table_names(only_existing=True)) - _KEPT
    look = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (TABLE {table})" for table in tables)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(look)
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")
    add_missing_chains(apps.get_app_config("audit"), using=connection.alias)


@pytest.fixture(autouse=True)
def no_language_of_others() -> Iterator[None]:
    """A request leaves its language behind in the thread; the next test begins without."""
    yield
    translation.deactivate()


@pytest.fixture
def sent_tasks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Collects (task name, arguments) instead of publishing to a broker."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def collect(name: str, *, kwargs: dict[str, Any], **_options: Any) -> None:
        sent.append((name, kwargs))

    monkeypatch.setattr("portal.core.dispatch.current_app.send_task", collect)
    return sent


@pytest.fixture
def project(db: None) -> Project:
    """A project that may hold a lot."""
    project = make_project()
    generous_limits(project)
    return project


@pytest.fixture
def version(db: None) -> OfferingVersion:
    """The virtual server, with prices."""
    priced()
    return OfferingVersionFactory()


@pytest.fixture
def requester(project: Project) -> Person:
    person = PersonFactory(name="Aanvrager")
    grant(person, Role.REQUESTER, project)
    return person


@pytest.fixture
def approver(project: Project) -> Person:
    person = PersonFactory(name="Budgethouder")
    grant(person, Role.APPROVER, project.parent)
    return person
