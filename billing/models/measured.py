"""What the cloud counts of a resource, and from when until when somebody pays by that."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.meters import Measure
from billing.models.moments import is_whole_second


class SampleProblem(models.TextChoices):
    """Why the last question gave no sample."""

    NONE = "", _("None")
    AWAY = "away", _("The cloud did not answer")
    REFUSED = "refused", _("The cloud refused to say")
    GONE = "gone", _("It is not there in the cloud")
    INCREDIBLE = "incredible", _("The cloud says something that cannot be true")


class MeasuredUse(models.Model):
    """A resource is paid by what the cloud counts: what ``measure`` says is used of ``sku``.

    ``tried_at`` is when it was last asked for, and the claim of whoever asks: an answer to an
    earlier question is passed over. ``problem`` is what became of that question.
    """

    MEASURES = [(Measure.STORED.value, _("Stored")), (Measure.TRAFFIC.value, _("Traffic"))]

    resource = models.ForeignKey(
        "billing.MeteredResource", on_delete=models.PROTECT, related_name="measured_uses"
    )
    sku = models.ForeignKey("billing.Sku", on_delete=models.PROTECT, related_name="+")
    measure = models.CharField(max_length=10, choices=MEASURES)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=12, choices=SampleProblem, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "measure"],
                condition=Q(ended_at=None),
                name="measured_use_one_per_measure_at_a_time",
            ),
            models.UniqueConstraint(
                fields=["resource", "sku"],
                condition=Q(ended_at=None),
                name="measured_use_one_per_sku_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(measure__in=[measure.value for measure in Measure]),
                name="measured_use_measure_known",
            ),
            models.CheckConstraint(
                condition=Q(problem__in=SampleProblem.values), name="measured_use_problem_known"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None) | Q(ended_at__gte=F("started_at")),
                name="measured_use_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=is_whole_second("started_at", "ended_at", "tried_at"),
                name="measured_use_counts_whole_seconds",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tried_at"], condition=Q(ended_at=None), name="measured_use_running"
            )
        ]

    def __str__(self) -> str:
        return f"{self.measure} of {self.resource_id}"


class UsageSample(models.Model):
    """What the cloud counted: ``value`` bytes at ``measured_at``. Append-only.

    Of what is stored that is what there was; of traffic, what passed by since the cloud began to
    count, in both directions together.
    """

    use = models.ForeignKey(MeasuredUse, on_delete=models.PROTECT, related_name="samples")
    measured_at = models.DateTimeField()
    value = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["use", "measured_at"], name="usage_sample_one_at_a_moment"
            ),
            models.CheckConstraint(condition=Q(value__gte=0), name="usage_sample_not_negative"),
            models.CheckConstraint(
                condition=is_whole_second("measured_at"), name="usage_sample_on_a_whole_second"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.value} bytes of {self.use_id} at {self.measured_at}"
