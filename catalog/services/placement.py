"""Judging a placement and keeping the judgement with its facts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils.timezone import now

from catalog.errors import PlacementRefused
from catalog.models import PlacementDecision, PlacementVerdict
from catalog.placement import FORMER_RULESET as RULESET
from catalog.placement import REASONS, CloudFacts, ProjectFacts, Verdict, judge
from portal.cloud.models import Cloud
from portal.identity.models import Project


def judge_placement(project: Project, cloud: Cloud) -> Verdict:
    """Whether the project's data may stand in the cloud, by the facts of this moment."""
    return judge(_project_facts(project), CloudFacts.from_profile(cloud.operator_profile))


def check_placement(project: Project, cloud: Cloud) -> None:
    """Refuse what may not stand there by the facts of this moment.

    Raises:
        PlacementRefused: as named.
    """
    verdict = judge_placement(project, cloud)
    if not verdict.is_allowed:
        raise PlacementRefused(reasons=" ".join(str(REASONS[code]) for code in verdict.reasons))


def decide_placement(project: Project, cloud: Cloud) -> PlacementDecision:
    """Write down that the project's data may stand in the cloud.

    Raises:
        PlacementRefused: it may not; nothing is written.
    """
    check_placement(project, cloud)
    return PlacementDecision.objects.create(
        project=project,
        cloud=cloud,
        verdict=PlacementVerdict.ALLOWED,
        ruleset=RULESET,
        facts=_facts_of(project, cloud),
        decided_at=now(),
    )


def note_found(project: Project, cloud: Cloud) -> PlacementDecision:
    """Write down that something of the project stands in the cloud, which nobody decided.

    ``reasons`` keeps why it might not have been allowed, by the facts of this moment.
    """
    return PlacementDecision.objects.create(
        project=project,
        cloud=cloud,
        verdict=PlacementVerdict.FOUND_IN_CLOUD,
        ruleset=RULESET,
        facts=_facts_of(project, cloud),
        reasons=list(judge_placement(project, cloud).reasons),
        decided_at=now(),
    )


def _facts_of(project: Project, cloud: Cloud) -> dict[str, Any]:
    return {
        "project": asdict(_project_facts(project)),
        "cloud": asdict(CloudFacts.from_profile(cloud.operator_profile)),
    }


def _project_facts(project: Project) -> ProjectFacts:
    return ProjectFacts(project.protection_level, project.has_personal_data)
