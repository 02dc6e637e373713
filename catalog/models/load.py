"""How busy resources are, by what the cloud counts, and whether a smaller size would do."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


class ResourceLoad(models.Model):
    """What the cloud told last of how busy a resource is, and what follows from all that it told.

    ``tried_at`` is when it was last asked, and the claim of whoever asks. The four after it are the
    last answer (``catalog.loads.Count``); empty: the next one is the first. ``present`` has the
    answers to questions of the kind that made it as large as it was then: what is kept is about
    nothing else.

    Once a day it is judged whether less would do, and anew when a sample disproves the answer.
    ``less`` has what ``present`` should become, and is empty where nothing smaller and cheaper is
    known to be enough. ``saving`` is what that saves in a full month; the rest is what it rests on:
    the most that was used, between 0 and 1, in so many days.
    """

    resource = models.OneToOneField(
        "catalog.Resource", on_delete=models.PROTECT, related_name="load"
    )
    tried_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    processors = models.PositiveIntegerField(null=True)
    cpu_milliseconds = models.BigIntegerField(null=True)
    uptime_seconds = models.BigIntegerField(null=True)
    present = models.JSONField(default=dict)
    judged_on = models.DateField(null=True)
    less = models.JSONField(default=dict)
    saving = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    days = models.PositiveSmallIntegerField(default=0)
    processors_used = models.DecimalField(max_digits=5, decimal_places=4, default=0)
    memory_used = models.DecimalField(max_digits=5, decimal_places=4, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    told_at=None, processors=None, cpu_milliseconds=None, uptime_seconds=None
                )
                | Q(told_at__isnull=False, processors__gt=0, cpu_milliseconds__gte=0),
                name="resource_load_is_told_whole",
            ),
            models.CheckConstraint(
                condition=Q(less={}, saving=0)
                | (~Q(less={}) & Q(saving__gt=0, days__gt=0, judged_on__isnull=False)),
                name="resource_load_less_saves_something",
            ),
        ]
        indexes = [
            models.Index(fields=["tried_at"], name="resource_load_by_tried_at"),
            models.Index(
                fields=["judged_on"], condition=~Q(less={}), name="resource_load_with_less"
            ),
        ]

    def __str__(self) -> str:
        return f"load of {self.resource_id}"


class LoadDay(models.Model):
    """How busy a resource was on one business day, as far as it was told; kept for some weeks.

    ``worked`` is for how many milliseconds processors worked, of the ``possible`` ones;
    ``processors_used`` and ``memory_used`` are the most of one sample, between 0 and 1.
    ``memory_samples`` says of how many samples memory was told.
    """

    resource = models.ForeignKey(
        "catalog.Resource", on_delete=models.PROTECT, related_name="load_days"
    )
    day = models.DateField()
    samples = models.PositiveIntegerField(default=0)
    worked = models.BigIntegerField(default=0)
    possible = models.BigIntegerField(default=0)
    processors_used = models.DecimalField(max_digits=5, decimal_places=4, default=0)
    memory_samples = models.PositiveIntegerField(default=0)
    memory_used = models.DecimalField(max_digits=5, decimal_places=4, null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "day"], name="load_day_one_per_resource_and_day"
            ),
            models.CheckConstraint(
                condition=Q(worked__gte=0, possible__gte=F("worked")),
                name="load_day_works_no_more_than_is_possible",
            ),
            models.CheckConstraint(
                condition=Q(processors_used__gte=0, processors_used__lte=1)
                & (Q(memory_used=None) | Q(memory_used__gte=0, memory_used__lte=1)),
                name="load_day_uses_a_share",
            ),
            models.CheckConstraint(
                condition=Q(memory_samples=0, memory_used=None)
                | Q(memory_samples__gt=0, memory_used__isnull=False),
                name="load_day_memory_comes_from_samples",
            ),
        ]
        indexes = [models.Index(fields=["day"], name="load_day_by_day")]

    def __str__(self) -> str:
        return f"load of {self.resource_id} on {self.day}"
