"""Letters that go out by e-mail once. The row says whether that was done; messages only ring.

A worker takes the row for some minutes before it speaks to the mail server, so a repeated doorbell
sends nothing twice; one that dies in between leaves the row to the next.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.core.mail import EmailMessage
from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils.timezone import now

LEASE: Final = timedelta(minutes=5)  # longer than any conversation with a mail server
RETRY: Final = timedelta(minutes=15)
MOST_ATTEMPTS: Final = 20

logger = logging.getLogger(__name__)


class Letter(models.Model):
    """One message to one reader. A worker takes the row by moving ``due_at``."""

    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True


AnyLetter = TypeVar("AnyLetter", bound=Letter)


def waits_at(at: datetime) -> Q:
    """The letters that are to be sent by then, and that nobody is sending."""
    return Q(sent_at=None, due_at__lte=at, attempts__lt=MOST_ATTEMPTS)


def send_letter(
    letters: QuerySet[AnyLetter],
    letter_id: int,
    compose: Callable[[AnyLetter], EmailMessage | None],
) -> bool:
    """Send one letter, unless that was done, is being done, or is no use any more.

    Args:
        compose: writes the message; None when the letter is no use: it never goes out then.
    """
    letter = _take(letters, letter_id)
    if letter is None:
        return False
    message = compose(letter)
    if message is None:
        _held(letter).update(attempts=MOST_ATTEMPTS)
        return False
    try:
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        logger.warning(
            "%s %s was not sent: %s", letter._meta.model_name, letter.pk, type(error).__name__
        )
        _held(letter).update(due_at=now() + RETRY)
        return False
    _held(letter).update(sent_at=now())
    return True


@transaction.atomic(durable=True)
def _take(letters: QuerySet[AnyLetter], letter_id: int) -> AnyLetter | None:
    at = now()
    waiting = letters.model._default_manager.filter(waits_at(at), pk=letter_id)
    if not waiting.update(due_at=at + LEASE, attempts=F("attempts") + 1):
        return None
    return letters.get(pk=letter_id)


def _held(letter: AnyLetter) -> QuerySet[AnyLetter]:
    """The row, as long as no other worker took it over."""
    letters = type(letter)._default_manager
    return letters.filter(pk=letter.pk, attempts=letter.attempts, sent_at=None)
