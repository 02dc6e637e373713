"""Operations of all kinds, as people ask for them, until nothing is under way any more."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from catalog.errors import ActionNotOffered, NotCancelable, NotOnTrial, ResourceBusy
from catalog.models import (
    OPEN_OPERATION_STATES,
    Assembly,
    OfferingVersion,
    Operation,
    OperationKind,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services.approvals import approve_order
from catalog.services.assemblies import retire_assembly
from catalog.services.changes import place_change
from catalog.services.resources import act_on_resource, retire_resource
from catalog.services.trials import end_trial, trial_of
from catalog.services.undoing import cancel_operation
from portal.core.states import IllegalTransition
from portal.identity.models import Person, Project
from tests.factories import place
from tests.faults.offers import MADE_FROM, name_for, spec_for
from tests.faults.persistence import insist

LOOK_SECONDS: Final = 0.5
_UNDONE_BY_ITSELF: Final = (OperationKind.PROVISION, OperationKind.CHANGE)
_DONE_ALREADY: Final = (
    IllegalTransition,
    ResourceBusy,
    ActionNotOffered,
    NotOnTrial,
    NotCancelable,
)


class NeedsAPerson(AssertionError):
    """Something that nobody but a person can go on with."""


# Places an order (project, version, name, spec) and tells its public id; the name is its key.
Place = Callable[[Project, OfferingVersion, str, dict[str, Any]], str]


@dataclass
class Run:
    """What people do in it: what, and in which order, is decided by ``chance``."""

    requester: Person
    approver: Person
    projects: Sequence[Project]
    versions: dict[str, OfferingVersion]
    chance: random.Random
    patience_seconds: float

    def place(
        self, project: Project, version: OfferingVersion, name: str, spec: dict[str, Any]
    ) -> str:
        order = place(self.requester, project, version, name=name, spec=spec, key=f"key-{name}")
        return str(order.public_id)

    def order(self, count: int, kinds: Sequence[str], place: Place) -> None:
        """Order so many things of these kinds, in any order, and have them approved."""
        wanted = [(number, kinds[number % len(kinds)]) for number in range(count)]
        self.chance.shuffle(wanted)
        for number, kind in wanted:
            version, name = self.versions[kind], name_for(kind, number)
            spec = spec_for(kind, number, self.versions["server"])
            project = self.projects[number % len(self.projects)]
            order = insist(partial(place, project, version, name, spec))
            self._approve(UUID(order))

    def copy(self, place: Place) -> None:
        """Order one of every kind of copy of each thing that such a copy can be made from."""
        for kind, source in MADE_FROM.items():
            for original in insist(lambda source=source: list(_living().filter(kind=source))):
                spec = {source: str(original.public_id)}
                name = f"{kind.replace('_', '-')}-of-{original.name}"
                project = original.project
                order = insist(partial(place, project, self.versions[kind], name, spec))
                self._approve(UUID(order))

    def act(self, actions: Mapping[str, str]) -> None:
        """Have the action of its kind done to everything that runs, at once."""
        for resource in insist(lambda: list(_living().filter(kind__in=actions))):
            _once(
                partial(
                    act_on_resource,
                    resource.public_id,
                    action=actions[resource.kind],
                    actor=self.requester,
                    confirmation=resource.name,
                )
            )

    def change(self) -> None:
        """Have every server and disk become larger; of a server that is a trial."""
        large = self.versions["server"].choices["flavors"][-1]
        for resource in insist(lambda: list(_living().filter(kind__in=["server", "volume"]))):
            larger = {"volume_gib": resource.spec["volume_gib"] + 1}
            answers = {"flavor": large} if resource.kind == "server" else larger
            self._approve(insist(partial(self._place_change, resource.public_id, answers)))

    def _place_change(self, public_id: UUID, answers: Mapping[str, Any]) -> UUID:
        resource = Resource.objects.select_related("project").get(public_id=public_id)
        order, _is_new = place_change(
            requested_by=self.requester,
            resource=resource,
            purpose="Meer zaken",
            answers=answers,
            end_date=None,
            idempotency_key=f"change-{resource.name}",
        )
        return order.public_id

    def judge(self) -> None:
        """Wait for the trials; find every other one well, and take the rest back."""
        trying = Operation.objects.filter(
            kind=OperationKind.CHANGE, state=OperationState.RUNNING, resource__kind="server"
        )
        self._until_none(lambda: [item for item in trying.all() if trial_of(item) is None])
        for number, operation in enumerate(insist(lambda: list(trying.order_by("pk")))):
            end = cancel_operation if number % 2 else end_trial
            _once(partial(end, operation.public_id, actor=self.requester))

    def retire_copies(self) -> None:
        """What was made from others goes before those."""
        self._retire(lambda: _living().filter(kind__in=MADE_FROM))

    def retire_all(self) -> None:
        """Each by itself, but what was ordered as a whole goes as one."""
        for whole in insist(lambda: list(Assembly.objects.order_by("pk"))):
            _once(
                partial(
                    retire_assembly,
                    whole.public_id,
                    actor=self.requester,
                    confirmation=whole.name,
                )
            )
        self._retire(lambda: _living().filter(order_line__assembly=None))

    def _retire(self, find: Callable[[], Any]) -> None:
        for resource in insist(lambda: list(find())):
            _once(
                partial(
                    retire_resource,
                    resource.public_id,
                    actor=self.requester,
                    confirmation=resource.name,
                )
            )

    def wait(self) -> None:
        """Wait until nothing is under way.

        Raises:
            NeedsAPerson: something failed that the engine does not undo by itself.
            AssertionError: it does not end.
        """
        under_way = Operation.objects.filter(state__in=OPEN_OPERATION_STATES)
        stuck = under_way.filter(state=OperationState.FAILED).exclude(kind__in=_UNDONE_BY_ITSELF)

        def left() -> list[Operation]:
            for_a_person = list(describe(stuck))
            if for_a_person:
                raise NeedsAPerson("\n".join(for_a_person))
            return list(under_way.all())

        self._until_none(left)

    def _until_none(self, find: Callable[[], list[Operation]]) -> None:
        deadline = time.monotonic() + self.patience_seconds
        while left := insist(find):
            if time.monotonic() > deadline:
                pks = [operation.pk for operation in left]
                lines = describe(Operation.objects.filter(pk__in=pks))
                raise AssertionError("it does not end:\n" + "\n".join(lines))
            time.sleep(LOOK_SECONDS)

    def _approve(self, order: UUID) -> None:
        _once(partial(approve_order, order, approver=self.approver))


def _once(action: Callable[[], object]) -> None:
    """Do it; where the first try got through but its answer did not, the second is refused."""
    with suppress(*_DONE_ALREADY):
        insist(action)


def describe(operations: Any) -> Iterator[str]:
    """A line for each, with where it stands and the last error of that step."""
    for operation in operations.select_related("resource"):
        step = operation.steps.exclude(state="done").first()
        where = f"{step.name} {step.state} {step.attempts}x: {step.last_error}" if step else "-"
        yield f"{operation.plan} {operation.resource.name} {operation.state} at {where}"


def _living() -> Any:
    return Resource.objects.filter(state=ResourceState.ACTIVE).order_by("pk")
