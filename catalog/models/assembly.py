"""What was ordered as a whole, and which of its parts need which."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from portal.core.models import PublicIdModel


class Assembly(PublicIdModel):
    """What one order asked of a blueprint: several lines that come and go as one.

    ``spec`` is what was answered; the lines have what became of it. Never changed or deleted (a
    trigger), and of the same order as its lines (a foreign key with both).
    """

    order = models.ForeignKey("catalog.Order", on_delete=models.PROTECT, related_name="assemblies")
    offering_version = models.ForeignKey(
        "catalog.OfferingVersion", on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=63)
    spec = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["id", "order"], name="assembly_known_with_its_order"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def short_title(self) -> str:
        """What it is, in one word: its name."""
        return self.name

    @property
    def title(self) -> str:
        """What it is, in a few words: “Web application zaak”."""
        return f"{self.offering_version.name} {self.name}"


class LineNeed(models.Model):
    """``line`` is begun once what came of ``needed`` runs, and goes before it does.

    With ``after_step`` it is begun once that step of the delivery of ``needed`` is done: what it
    takes of it is known by then.

    Never changed or deleted. A trigger accepts only a line with an earlier position in the same
    assembly, so nothing can wait for itself, by whatever way round.
    """

    line = models.ForeignKey("catalog.OrderLine", on_delete=models.PROTECT, related_name="needs")
    needed = models.ForeignKey(
        "catalog.OrderLine", on_delete=models.PROTECT, related_name="needed_by"
    )
    after_step = models.CharField(max_length=40, blank=True, db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["line", "needed"], name="line_need_one_per_pair_of_lines"
            ),
            models.CheckConstraint(
                condition=~Q(line=F("needed")), name="line_need_of_another_line"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} needs {self.needed_id}"
