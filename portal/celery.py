"""The Celery application: workers start with ``celery -A portal.celery worker``."""

import os
from typing import Any

from celery import Celery, Task
from celery.signals import task_prerun
from django.db import close_old_connections

from portal.core.origin import Channel, Origin, coming_from

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")


class PortalTask(Task):  # type: ignore[type-arg]  # generic in its stubs only
    """A task whose doings are known to come from a worker."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A task's UUID in the form of a request's: 32 characters, as the audit trail keeps it.
        task_id = str(self.request.id or "").replace("-", "")[:32]
        origin = Origin(channel=Channel.WORKER, request_id=task_id)
        with coming_from(origin):
            return super().__call__(*args, **kwargs)


app = Celery("cloudloket", task_cls=PortalTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect
def _check_connections(**_facts: object) -> None:
    """Keep the connection to the database from task to task, as Django does between requests.

    One that broke, or is older than CONN_MAX_AGE, is left for a new one.
    """
    close_old_connections()
