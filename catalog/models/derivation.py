"""What a resource was made from: another one of the same project."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from catalog.models.resource import Resource, ResourceState


class Derivation(models.Model):
    """A resource was ordered with another one as the answer to a question of its kind.

    ``is_needed``: the resource needs its source as long as it lives; else only until it was made.
    Until then the source stays: a trigger sees to that. Written once, never changed.
    """

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="derivations")
    source = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="derived")
    question = models.CharField(max_length=40)
    is_needed = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource", "question"], name="derivation_one_per_question"
            ),
            models.CheckConstraint(
                condition=~Q(resource=F("source")), name="derivation_is_another_resource"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource_id} made from {self.source_id}"

    @property
    def keeps_its_source(self) -> bool:
        """The same as ``KEEPS_ITS_SOURCE``."""
        state = self.resource.state
        return state in BEING_MADE or (self.is_needed and state != ResourceState.RETIRED)


BEING_MADE = frozenset({ResourceState.PROVISIONING, ResourceState.FAILED})
# Of a derivation: what still keeps its source from being cleaned up.
KEEPS_ITS_SOURCE = Q(resource__state__in=BEING_MADE) | (
    Q(is_needed=True) & ~Q(resource__state=ResourceState.RETIRED)
)
