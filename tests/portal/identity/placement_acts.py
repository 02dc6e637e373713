"""Acts about placement that bind somebody else."""

from __future__ import annotations

from catalog.models import SealMinimum, SupplyProfile
from catalog.placement_words import Objective
from catalog.services.placement import answer_questions, confirm_supply, refuse_supply
from catalog.services.placement.minimums import (
    confirm_minimum,
    propose_minimum,
    refuse_minimum,
)
from tests.authorisation.rows.placement import ANSWERS
from tests.factories import CloudFactory, answers, proposed_supply
from tests.portal.identity.doors import Doors, Get


def classifying_a_project(get: Get) -> Doors:
    administrator, project = get("administrator"), get("project")
    return Doors(
        actor=administrator,
        service=lambda: answer_questions(project.public_id, answers(), actor=administrator),
        page=f"/placement/projects/{project.public_id}/answer",
        form=ANSWERS,
    )


def confirming_a_supply(get: Get) -> Doors:
    profile, actor = _proposed_supply(get, "bevestigd"), get("platform").colleague
    page = f"/placement/places/{profile.public_id}"
    return Doors(
        actor=actor,
        service=lambda: confirm_supply(profile.public_id, actor=actor),
        page=f"{page}/confirm",
        stands_on=page,
        api=_decision_on(profile),
        body={"decision": "confirmed"},
    )


def refusing_a_supply(get: Get) -> Doors:
    profile, actor = _proposed_supply(get, "geweigerd"), get("platform").colleague
    page = f"/placement/places/{profile.public_id}"
    return Doors(
        actor=actor,
        service=lambda: refuse_supply(profile.public_id, actor=actor, reason="Nog niet"),
        page=f"{page}/refuse",
        stands_on=page,
        form={"reason": "Nog niet"},
        api=_decision_on(profile),
        body={"decision": "refused", "reason": "Nog niet"},
    )


def confirming_a_minimum(get: Get) -> Doors:
    minimum, actor = _proposed_minimum(get, Objective.SOV_1), get("platform").colleague
    page = f"/placement/places/minimums/{minimum.public_id}"
    return Doors(
        actor=actor,
        service=lambda: confirm_minimum(minimum.public_id, actor=actor),
        page=f"{page}/confirm",
        stands_on=page,
    )


def refusing_a_minimum(get: Get) -> Doors:
    minimum, actor = _proposed_minimum(get, Objective.SOV_2), get("platform").colleague
    page = f"/placement/places/minimums/{minimum.public_id}"
    return Doors(
        actor=actor,
        service=lambda: refuse_minimum(minimum.public_id, actor=actor, reason="Te hoog"),
        page=f"{page}/refuse",
        stands_on=page,
        form={"reason": "Te hoog"},
    )


def _proposed_minimum(get: Get, objective: Objective) -> SealMinimum:
    return propose_minimum(2, objective, 3, actor=get("platform").drafter)


def _proposed_supply(get: Get, key: str) -> SupplyProfile:
    """Of a cloud of its own: of each place one waits at a time."""
    return proposed_supply(CloudFactory(key=key), by=get("platform").drafter)


def _decision_on(profile: SupplyProfile) -> str:
    return f"/api/v1/supply-profiles/{profile.public_id}/decision"
