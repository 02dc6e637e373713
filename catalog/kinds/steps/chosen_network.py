"""The private network of the project in which something is to stand, instead of an offered one."""

from __future__ import annotations

from catalog.kinds.base import StepContext
from catalog.kinds.networks import CIDR, QUESTION, RESULT, OwnNetwork, own_network


def private_network(context: StepContext) -> OwnNetwork | None:
    """The one that a blueprint wired or a person chose; None for one that the offering has.

    Raises:
        CloudMissing: it is gone.
    """
    named = context.spec[QUESTION]
    cidr = context.spec.get(CIDR)
    if cidr:
        return OwnNetwork(context.cloud_ids_of(named)[RESULT], cidr)
    return own_network(named)
