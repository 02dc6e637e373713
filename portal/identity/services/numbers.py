"""The numbers that an organization is known by, and the platform's word that they are its own.

An administrator may write any number down, and whoever logs in with it would become theirs to see.
So a number counts only once somebody from outside confirmed it: whoever runs the platform, there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from portal.audit.services import record
from portal.core.errors import InvalidInput
from portal.core.locks import lock_tree_exclusive
from portal.identity.models import NUMBERS, Organization

TAKEN: Final[dict[str, str | Promise]] = {
    "oin": _("Another organisation has this OIN."),
    "kvk_number": _("Another organisation has this KvK number."),
    "rsin": _("Another organisation has this RSIN."),
}


def known_by(name: str, number: str) -> QuerySet[Organization]:
    """The living organization, wherever it stands, with this number confirmed; at most one."""
    confirmed = {name: number, f"{name}_confirmed_at__isnull": False}
    return Organization.objects.filter(ended_at=None, **confirmed)


def is_taken(organization: Organization, name: str) -> bool:
    """True when this number is confirmed as that of another living organization.

    A number that waits takes nothing: it must not keep the owner out.
    """
    number = getattr(organization, name)
    return bool(number) and known_by(name, number).exclude(pk=organization.pk).exists()


def organizations_that_wait() -> QuerySet[Organization]:
    """The living organizations with a number that nobody confirmed, by code."""
    waits = Q()
    for name in NUMBERS:
        waits |= ~Q((name, "")) & Q((f"{name}_confirmed_at", None))
    return Organization.objects.filter(waits, ended_at=None).order_by("code")


@transaction.atomic(durable=True)
def confirm_numbers(code: str, numbers: Collection[str]) -> dict[str, str]:
    """Let numbers of a living organization count from now on; return them by field.

    Args:
        numbers: those that were checked. Named one by one, for meanwhile its administrator may
            have written down another.

    Raises:
        Organization.DoesNotExist: nothing living has this code.
        InvalidInput: one does not wait here, or is somebody else's.
    """
    lock_tree_exclusive()
    organization = Organization.objects.get(code=code, ended_at=None)
    waiting = organization.waiting_numbers
    if absent := sorted(set(numbers).difference(waiting.values())):
        message = _("These numbers do not wait here: {numbers}.")
        raise InvalidInput({"numbers": [str(message).format(numbers=", ".join(absent))]})
    confirmed = {name: number for name, number in waiting.items() if number in numbers}
    if taken := {name: [str(TAKEN[name])] for name in confirmed if is_taken(organization, name)}:
        raise InvalidInput(taken)
    moment = now()
    for name in confirmed:
        setattr(organization, f"{name}_confirmed_at", moment)
    organization.save(update_fields=[f"{name}_confirmed_at" for name in confirmed])
    record(
        "node.numbers_confirmed",
        organization,
        actor=None,
        node_id=organization.pk,
        data=dict(confirmed),
    )
    return confirmed
