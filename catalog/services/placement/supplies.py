"""What is known of places, in force once two people agreed on it."""

from __future__ import annotations

from django.db import transaction
from django.utils.timezone import localdate, now

from catalog.models import Offering, SupplyDependency, SupplyOwner, SupplyProfile
from catalog.placement import Supply
from portal.cloud.models import Cloud
from portal.identity.models import Person
from portal.identity.models.proposed import DecisionState


@transaction.atomic
def write_supply(
    cloud: Cloud, supply: Supply, *, by: tuple[Person, Person], offering: Offering | None = None
) -> SupplyProfile:
    """Keep what is known of a place from now on, instead of what was known.

    For what comes with the installation: there ``by`` are who proposed it and who confirmed it.
    """
    proposer, decider = by
    moment = now()
    place = SupplyProfile.objects.filter(cloud=cloud, offering=offering)
    profile = SupplyProfile.objects.create(
        cloud=cloud,
        offering=offering,
        number=place.count() + 1,
        proposed_by=proposer,
        proposed_at=moment,
        assessed_on=localdate(),
        **_columns(supply),
    )
    _write_parts(profile, supply)
    profile.is_draft = False
    profile.save(update_fields=["is_draft"])
    place.filter(state=DecisionState.CONFIRMED, ended_at=None).update(ended_at=moment)
    profile.state, profile.decided_by, profile.decided_at = DecisionState.CONFIRMED, decider, moment
    profile.save(update_fields=["state", "decided_by", "decided_at"])
    if offering is None:
        cloud.operator_profile = {"seal": profile.seal, "hosting": profile.hosting}
        cloud.save(update_fields=["operator_profile"])
    return profile


def _columns(supply: Supply) -> dict[str, object]:
    proven = dict(supply.seals)
    levels = list(proven.values())
    is_whole = bool(levels) and None not in levels
    return {
        "hosting": supply.hosting or "",
        "locations": list(supply.locations),
        "keys": supply.keys or "",
        "is_encrypted_at_rest": supply.is_encrypted_at_rest,
        "is_encrypted_in_transit": supply.is_encrypted_in_transit,
        "lists_dependencies": supply.dependencies is not None,
        "highest_protection_level": supply.highest_protection_level,
        "highest_rubricering": supply.highest_rubricering or "",
        "admits_personal_data": supply.admits_personal_data,
        "admits_special_data": supply.admits_special_data,
        "seals": proven,
        "seal": min(level for level in levels if level is not None) if is_whole else None,
        "valid_until": supply.valid_until,
    }


def _write_parts(profile: SupplyProfile, supply: Supply) -> None:
    SupplyOwner.objects.bulk_create(
        SupplyOwner(
            profile=profile,
            position=position,
            name=link.name,
            jurisdiction=link.jurisdiction,
            is_operator=link.is_operator,
        )
        for position, link in enumerate(supply.chain)
    )
    SupplyDependency.objects.bulk_create(
        SupplyDependency(
            profile=profile,
            key=dependency.key,
            name=dependency.name,
            kind=dependency.kind,
            supplier=dependency.supplier,
            jurisdiction=dependency.jurisdiction,
            is_critical=dependency.is_critical,
            needs=list(dependency.needs),
        )
        for dependency in supply.dependencies or ()
    )
