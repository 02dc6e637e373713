from __future__ import annotations

from typing import Any

from celery.signals import worker_init
from django.apps import AppConfig
from django.conf import settings
from django.utils.module_loading import import_string


class CloudConfig(AppConfig):
    name = "portal.cloud"
    label = "cloud"

    def ready(self) -> None:
        worker_init.connect(load_gateway, weak=False)


def load_gateway(**_signal: Any) -> None:
    """Import the SDK before a worker forks: once, and not while the first order waits for it."""
    import_string(settings.CLOUD_GATEWAY)
