"""Leaving: the packages that a project took along, and the tests of its exit plan."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.exit_package.plan_steps import PlanStep, Scenario, step_called
from portal.core.models import PublicIdModel

STEP_EVIDENCE_LENGTH: Final = 300  # characters
SCENARIOS: Final = [
    (Scenario.PLANNED.value, _("Planned: you choose the moment")),
    (Scenario.DISRUPTIVE.value, _("At once: the supplier is gone")),
]


class ExitOutcome(models.TextChoices):
    PASSED = "passed", _("Passed")
    GIVEN_UP = "given_up", _("Given up")


class ExitPackage(PublicIdModel):
    """That somebody took the package of a project along, and what it was. The portal keeps no copy.

    ``sha256`` is of the whole file, in hexadecimal; ``size`` is in bytes. ``counts`` says how much
    was in it: {"resources", "described", "files"}.
    """

    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    counts = models.JSONField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="exit_package_has_a_sum"
            ),
        ]
        indexes = [models.Index(fields=["project", "-made_at"], name="exit_package_by_project")]

    def __str__(self) -> str:
        return f"{self.project_id} on {self.made_at:%Y-%m-%d}"


class ExitTest(PublicIdModel):
    """One test of an exit plan, until it was passed or given up."""

    project = models.ForeignKey("identity.Project", on_delete=models.PROTECT, related_name="+")
    scenario = models.CharField(max_length=20, choices=SCENARIOS)
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    begun_at = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, choices=ExitOutcome, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scenario__in=[scenario.value for scenario in Scenario]),
                name="exit_test_scenario_known",
            ),
            models.CheckConstraint(
                condition=Q(outcome="", ended_at=None, ended_by=None)
                | Q(
                    outcome__in=ExitOutcome.values,
                    ended_at__isnull=False,
                    ended_by__isnull=False,
                ),
                name="exit_test_that_ended_has_an_outcome",
            ),
            models.UniqueConstraint(
                fields=["project", "scenario"],
                condition=Q(ended_at=None),
                name="exit_test_one_runs_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["project", "-begun_at"], name="exit_test_by_project")]

    def __str__(self) -> str:
        return f"{self.scenario} of {self.project_id}"

    @property
    def is_running(self) -> bool:
        return self.ended_at is None


class ExitTestStep(models.Model):
    """That one step of a test was done, with the evidence of it."""

    test = models.ForeignKey(ExitTest, on_delete=models.PROTECT, related_name="steps")
    key = models.SlugField(max_length=40)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    done_at = models.DateTimeField()
    evidence = models.CharField(max_length=STEP_EVIDENCE_LENGTH)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["test", "key"], name="exit_test_step_is_done_once"),
            models.CheckConstraint(condition=~Q(evidence=""), name="exit_test_step_has_evidence"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def step(self) -> PlanStep | None:
        """What it was; None of a step that tests have no longer."""
        return step_called(Scenario(self.test.scenario), self.key)
