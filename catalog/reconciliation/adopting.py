"""What nobody ordered and nobody did anything about: adopted by itself, so that it is paid for."""

from __future__ import annotations

import logging
from typing import Final

from django.conf import settings
from django.utils.timezone import now

from catalog.models import Difference, DifferenceKind, DifferenceState
from catalog.services.adoption import adopt_by_itself
from portal.cloud.models import Cloud
from portal.core.errors import DomainError

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 200


def adopt_what_stayed(cloud: Cloud) -> None:
    """Adopt what operators had their time for, unless the setting leaves that to them."""
    if not settings.ADOPT_UNMANAGED:
        return
    stayed = Difference.objects.filter(
        cloud=cloud,
        kind=DifferenceKind.UNKNOWN,
        state=DifferenceState.OPEN,
        first_seen_at__lte=now() - settings.ADOPT_UNMANAGED_AFTER,
    ).exclude(finding={})
    adopted = 0
    for public_id in stayed.order_by("pk").values_list("public_id", flat=True):
        try:
            adopted += adopt_by_itself(public_id) is not None
        except DomainError as refusal:
            logger.warning("adopt %s: %s", public_id, refusal)
        if adopted >= MOST_AT_ONCE:  # what cannot be adopted, by itself, holds nothing up
            return
