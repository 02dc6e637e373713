"""What we metered of a month beside what the cloud itself counts, as the last look found it."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class UsageMeasure(models.TextChoices):
    """What is compared, and in which unit: hours over the month so far, GiB at the look."""

    SERVER_HOURS = "server_hours", _("Hours of servers")
    VOLUME_GIB = "volume_gib", _("GiB of volumes")
    SNAPSHOT_GIB = "snapshot_gib", _("GiB of snapshots")
    BACKUP_GIB = "backup_gib", _("GiB of backups")


class UsageCause(models.TextChoices):
    """Why the two differ for one resource."""

    UNKNOWN = "unknown", _("In the cloud, and not metered")
    ABSENT = "absent", _("Metered, and the cloud does not count it")
    BEGINS = "begins", _("Begins at another moment")
    ENDS = "ends", _("Ends at another moment")
    PAUSED = "paused", _("Interrupted on one side")
    SIZE = "size", _("Has another size")


class UsageCheck(models.Model):
    """One measure of one cloud project in one month; a later look of the month replaces it.

    ``causes`` holds the largest differences per resource, largest first: {"cause", "name",
    "resource" (public id, or ""), "openstack_id", "difference" (ours less the cloud's)};
    ``causes_in_all`` says how many there are. What is too small to name is in the sums alone.
    """

    cloud_project = models.ForeignKey(
        "cloud.CloudProject", on_delete=models.PROTECT, related_name="usage_checks"
    )
    month = models.DateField()  # its first day
    measure = models.CharField(max_length=20, choices=UsageMeasure)
    metered = models.DecimalField(max_digits=18, decimal_places=6)
    told = models.DecimalField(max_digits=18, decimal_places=6)
    causes = models.JSONField(default=list)
    causes_in_all = models.PositiveIntegerField(default=0)
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cloud_project", "month", "measure"], name="usage_check_one_of_each"
            ),
            models.CheckConstraint(
                condition=Q(measure__in=UsageMeasure.values), name="usage_check_measure_known"
            ),
            models.CheckConstraint(
                condition=Q(metered__gte=0, told__gte=0), name="usage_check_not_negative"
            ),
        ]
        indexes = [models.Index(fields=["month"], name="usage_check_by_month")]

    def __str__(self) -> str:
        return f"{self.measure} of {self.cloud_project_id} in {self.month:%Y-%m}"

    @property
    def difference(self) -> Decimal:
        """Ours less the cloud's; above zero more is charged than the cloud counts."""
        return self.metered - self.told
