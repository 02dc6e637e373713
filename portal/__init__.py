"""Who you are, who may what, what was done, and the way to the cloud."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
