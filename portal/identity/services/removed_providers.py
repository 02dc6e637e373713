"""What is left of a provider that the settings no longer have: nothing that gives access.

Locks: tree (shared), the person, their grants, then the audit head.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from portal.core.locks import lock_tree_shared
from portal.core.models import is_in_force
from portal.identity.models import RoleGrant
from portal.identity.oidc.session import LoginFacts
from portal.identity.services import break_glass
from portal.identity.services.roles import cut_short, lock_person, record_ended

PROVIDER_REMOVED: Final = "provider_removed"  # the reason of what its claims gave and ended


def is_of_a_known_provider(login: LoginFacts | None) -> bool:
    """Do the settings still have the provider that this login came from?"""
    return login is not None and _issuers().get(login.provider) == login.issuer


def end_roles_of_removed_providers() -> None:
    """End what claims of other issuers gave; each person in a transaction of their own."""
    for person_id in list(_orphans().order_by("person").values_list("person", flat=True)):
        _end_roles(person_id)


@transaction.atomic(durable=True)
def _end_roles(person_id: int) -> None:
    lock_tree_shared()
    person = lock_person(person_id)
    moment = now()
    grants = list(_orphans().filter(person=person).select_for_update().order_by("pk"))
    for grant in grants:
        cut_short(grant, at=moment, by=None, reason=PROVIDER_REMOVED)
    for grant in grants:
        record_ended(grant, None, cause=PROVIDER_REMOVED)


def _orphans() -> QuerySet[RoleGrant]:
    known = ["", *_issuers().values()]
    return RoleGrant.objects.filter(is_in_force(now())).exclude(issuer__in=known)


def _issuers() -> dict[str, str]:
    """The issuer behind each key that a login may name."""
    issuers = {key: provider.issuer for key, provider in settings.OIDC_PROVIDERS.items()}
    if settings.BREAK_GLASS:
        issuers[break_glass.PROVIDER] = break_glass.ISSUER
    return issuers
