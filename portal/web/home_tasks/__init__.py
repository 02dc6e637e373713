"""What only goes on when this person does something."""

from __future__ import annotations

from datetime import datetime

from portal.identity.models import Person
from portal.web.home_tasks import money, orders, people, places, quotas
from portal.web.home_tasks.task import Task

__all__ = ["Task", "find_tasks"]


def find_tasks(person: Person, *, at: datetime) -> list[Task]:
    """What only goes on when this person does something, the most urgent first."""
    return [
        *orders.repairs(person),
        *orders.questions(person),
        *orders.decisions(person),
        *people.proposals(person),
        *places.proposals(person),
        *money.proposals(person),
        *money.disputes(person),
        *money.closings(person, at),
        *quotas.requests(person),
        *people.gaps(person),
        *quotas.shortages(person),
        *money.warnings(person, at),
        *people.reviews(person, at),
        *orders.endings(person, at),
        *orders.savings(person, at),
    ]
