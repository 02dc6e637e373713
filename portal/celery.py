"""The Celery application: workers start with ``celery -A portal.celery worker``."""

import os
from typing import Any

from celery import Celery, Task

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
