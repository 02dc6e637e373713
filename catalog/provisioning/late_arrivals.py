"""Second copies: a create that was never answered may still be carried out, hours later.

For a day after such a create the step is run again in a context that only looks: it keeps what
belongs to the resource and removes the rest. After retirement nothing belongs any more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.timezone import now

from catalog.models import (
    OPEN_OPERATION_STATES,
    Operation,
    Resource,
    ResourceState,
    Step,
)
from catalog.provisioning.claims import WITH_EVERYTHING
from catalog.provisioning.context import Create, Find, Remove, ResourceContext
from catalog.provisioning.plans import get_definition
from portal.cloud.ports import CloudMissing, CloudObject

WATCHED_FOR: Final = timedelta(hours=24)


class NothingThere(Exception):
    """Nothing of this resource is in the cloud; the rest of the step has nothing to look at."""


def due_for_a_look() -> QuerySet[Step]:
    """Steps that once got no answer, of resources that nobody is working on."""
    open_operation = Operation.objects.filter(
        resource=OuterRef("operation__resource"), state__in=OPEN_OPERATION_STATES
    )
    at = now()
    return Step.objects.filter(
        ~Exists(open_operation),
        outcome_unknown_at__gt=at - WATCHED_FOR,
        due_at__lte=at,
    )


def look_for_late_arrivals(step_id: int) -> None:
    """Remove second copies of what the step made, unless somebody just looked.

    Raises:
        CloudError: the cloud does not answer as it should; the next look is due as usual.
    """
    at = now()
    if not due_for_a_look().filter(pk=step_id).update(due_at=at + settings.LATE_ARRIVAL_PAUSE):
        return
    step = Step.objects.select_related(*WITH_EVERYTHING).get(pk=step_id)
    context = LookingContext(step.operation.resource, step)
    try:
        get_definition(step).run(context)
    except (NothingThere, CloudMissing):
        return


class LookingContext(ResourceContext):
    """A context in which ``ensure`` creates nothing."""

    def __init__(self, resource: Resource, step: Step) -> None:
        super().__init__(resource)
        self.answers = step.operation.answers
        self._belongs = resource.state != ResourceState.RETIRED
        self._known_id = resource.cloud_ids.get(step.name, "")

    def ensure(
        self, *, find: Find, create: Create, remove: Remove, shared: bool = False
    ) -> CloudObject:
        """Find, keep what belongs, remove the rest.

        Raises:
            NothingThere: nothing is left that belongs to the resource.
        """
        found = find()
        if shared or self._belongs:
            if not found:
                raise NothingThere
            known_first = sorted(found, key=lambda copy: copy.id != self._known_id)
            return self.keep_oldest(known_first, remove)
        for late in found:
            self.remove_double(late, remove, kept=None)
        raise NothingThere

    def hold(self) -> None:
        """Who only looks has no step.

        Raises:
            NothingThere: always.
        """
        raise NothingThere

    def push_quota(self, project: str, *, backup_gib: int = 0) -> None:
        """Nothing: looking changes no quota."""
