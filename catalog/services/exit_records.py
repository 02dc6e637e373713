"""What the portal has on record about a project, for its exit package. Holds ids of people, never
names, as the trail does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder

from billing.services.month_costs import month_totals
from catalog.exit_package.plan_steps import Scenario, steps_of
from catalog.models import (
    ExitTest,
    PlacementDecision,
    PlacementPermission,
    WorkloadEvidence,
)
from catalog.placement_words import EvidenceKind
from catalog.services.exit_contents import ExitContents
from portal.audit.models import AuditEntry
from portal.audit.reading import in_batches, legible_entries
from portal.core.calendar import Period, day_of, months_in
from portal.core.sheets import Rows
from portal.identity.models import Person, Project

_OF_EXITS: Final = (
    EvidenceKind.EXIT_PLAN,
    EvidenceKind.EXIT_TEST_PLANNED,
    EvidenceKind.EXIT_TEST_DISRUPTIVE,
    EvidenceKind.EXIT_DESTRUCTION,
)


def cost_rows(contents: ExitContents) -> Rows:
    """As the pages say it, to the cent; of the running month what was used so far."""
    yield ("month", "eur", "is_billed", "is_price_missing")
    months = months_in(Period(contents.since, contents.at))
    for found in month_totals([contents.project.pk], months, at=contents.at):
        billed, missing = str(found.is_billed).lower(), str(found.is_price_missing).lower()
        yield (f"{day_of(found.month.start):%Y-%m}", found.realised, billed, missing)


def audit_lines(contents: ExitContents) -> Iterator[str]:
    """What the trail tells about the project itself and what is in it, the oldest first."""
    entries = legible_entries().filter(node_id=contents.project.pk, at__gte=contents.since)
    for batch in in_batches(entries.filter(at__lte=contents.at)):
        for told in _told(batch):
            yield json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"


def _told(batch: Sequence[AuditEntry]) -> Iterator[dict[str, Any]]:
    people = Person.objects.in_bulk({entry.actor_id for entry in batch if entry.actor_id})
    for entry in batch:
        actor = people.get(entry.actor_id or 0)
        yield {
            "place": entry.place,
            "at": entry.at,
            "event": entry.event,
            "result": entry.result,
            "code": entry.code,
            "actor": actor.public_id if actor else None,
            "subject_type": entry.subject_type,
            "subject": entry.subject_public_id,
            "channel": entry.channel,
            "request_id": entry.request_id,
            "data": entry.data,
            "mac": bytes(entry.mac).hex(),
        }


def placement_decisions(project: Project) -> list[dict[str, Any]]:
    """Each judgement that its data may stand somewhere, with the facts as they were."""
    found = PlacementDecision.objects.filter(project=project).select_related(
        "cloud", "offering", "permission__decided_by"
    )
    return [_decision(decision) for decision in found.order_by("decided_at", "pk")]


def _decision(decision: PlacementDecision) -> dict[str, Any]:
    return {
        "id": decision.public_id,
        "decided_at": decision.decided_at,
        "cloud": decision.cloud.key,
        "offering": decision.offering.code if decision.offering else None,
        "verdict": decision.verdict,
        "advised": decision.advised or None,
        "ruleset": decision.ruleset,
        "clauses": decision.clauses,
        "reasons": decision.reasons,
        "facts": decision.facts,
        "permission": _permission(decision.permission) if decision.permission else None,
    }


def _permission(permission: PlacementPermission) -> dict[str, Any]:
    decided_by = permission.decided_by
    return {
        "id": permission.public_id,
        "decided_at": permission.decided_at,
        "decided_by": decided_by.public_id if decided_by else None,
        "valid_until": permission.valid_until,
        "motivation": permission.motivation,
    }


def exit_plan(project: Project) -> dict[str, Any]:
    """The steps that tests go through, where the plan itself is, and what tests showed."""
    tests = ExitTest.objects.filter(project=project).select_related("begun_by", "ended_by")
    return {
        "steps": {
            scenario.value: [
                {"key": step.key, "step": str(step.label), "evidence": str(step.asks)}
                for step in steps_of(scenario)
            ]
            for scenario in Scenario
        },
        "evidence": _evidence(project),
        "tests": [
            _test(test)
            for test in tests.prefetch_related("steps__done_by").order_by("begun_at", "pk")
        ],
    }


def _evidence(project: Project) -> list[dict[str, Any]]:
    found = WorkloadEvidence.objects.filter(project=project, kind__in=_OF_EXITS)
    return [
        {
            "kind": evidence.kind,
            "reference": evidence.reference,
            "dated_on": evidence.dated_on,
            "withdrawn_at": evidence.withdrawn_at,
        }
        for evidence in found.order_by("recorded_at", "pk")
    ]


def _test(test: ExitTest) -> dict[str, Any]:
    return {
        "id": test.public_id,
        "scenario": test.scenario,
        "begun_at": test.begun_at,
        "begun_by": test.begun_by.public_id,
        "ended_at": test.ended_at,
        "ended_by": test.ended_by.public_id if test.ended_by else None,
        "outcome": test.outcome,
        "steps": [
            {
                "key": done.key,
                "done_at": done.done_at,
                "done_by": done.done_by.public_id,
                "evidence": done.evidence,
            }
            for done in sorted(test.steps.all(), key=lambda done: (done.done_at, done.pk))
        ],
    }
