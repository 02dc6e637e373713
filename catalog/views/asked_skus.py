"""What is offered, and which SKUs that asks for, for pages about these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from billing.asked_skus import Asker
from catalog.models import OfferingVersion, OfferingVersionState
from catalog.offering_policies import may_look_behind
from catalog.services.offering_checks import asked_skus, versions_to_price
from portal.identity.models import Person


def askers(person: Person) -> Mapping[str, Sequence[Asker]]:
    """By code of the SKU, the versions that ask for it: what is published, and what may be."""
    sees_versions = may_look_behind(person)
    found: defaultdict[str, list[Asker]] = defaultdict(list)
    for version in versions_to_price():
        asker = _asker(version, sees_versions)
        for code in asked_skus(version):
            found[code].append(asker)
    return found


def _asker(version: OfferingVersion, sees_versions: bool) -> Asker:
    is_draft = version.state == OfferingVersionState.DRAFT
    name = _("{name} (draft)").format(name=version.name) if is_draft else version.name
    url = reverse("catalog:offering-version", args=[version.public_id]) if sees_versions else ""
    return Asker(name=name, url=url)
