"""What happens to clouds by the clock."""

from __future__ import annotations

from celery import shared_task

from portal.cloud.secrets import delete_expired_secrets as delete_expired


@shared_task(name="cloud.delete_expired_secrets")
def delete_expired_secrets() -> None:
    """Forget secrets that nobody read within a day."""
    delete_expired()
