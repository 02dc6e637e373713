"""The Celery application: workers start with ``celery -A portal.celery worker``."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
app = Celery("cloudloket")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
