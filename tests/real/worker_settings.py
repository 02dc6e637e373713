"""Settings of the workers that tests start and kill: what takes minutes takes seconds here."""

from datetime import timedelta

from tests.settings import *  # noqa: F403  (Django reads settings from one namespace)

STEP_LEASE = timedelta(seconds=5)
UNKNOWN_OUTCOME_WAIT = timedelta(seconds=5)
CELERY_BEAT_SCHEDULE = {"sweep": {**CELERY_BEAT_SCHEDULE["sweep"], "schedule": 1.0}}  # noqa: F405
