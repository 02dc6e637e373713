"""A worker's connection to the database: kept from task to task, and left when it broke."""

from __future__ import annotations

import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_postrun, task_prerun
from django.db import connection

from portal.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker():
    """What Celery connects to its signals in a worker, and nowhere else."""
    fixup = DjangoWorkerFixup(app)
    task_prerun.connect(fixup.on_task_prerun)
    task_postrun.connect(fixup.on_task_postrun)
    yield
    task_prerun.disconnect(fixup.on_task_prerun)
    task_postrun.disconnect(fixup.on_task_postrun)


def backend() -> int:
    """The process of PostgreSQL that serves us."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (found,) = cursor.fetchone()
    return int(found)


@pytest.fixture
def run(worker):
    @app.task(name="tests.backend")
    def task() -> int:
        return backend()

    def run() -> int:
        task_prerun.send(sender=task)
        served_by = task()
        task_postrun.send(sender=task)
        return served_by

    yield run
    app.tasks.unregister("tests.backend")


def test_tasks_share_a_connection(run):
    assert run() == run()


def test_connection_that_broke_is_left_for_a_new_one(run):
    broken = run()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [broken])
    other.close()

    assert run() != broken


def test_connection_that_is_old_is_left_for_a_new_one(run, monkeypatch):
    old = run()
    monkeypatch.setattr(connection, "close_at", 0)

    assert run() != old
