"""Operations of all kinds, as people ask for them, until nothing is under way any more."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from catalog.errors import ActionNotOffered, ResourceBusy
from catalog.models import (
    OPEN_OPERATION_STATES,
    Offering,
    OfferingVersion,
    Operation,
    OperationKind,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services.approvals import approve_order
from catalog.services.resources import act_on_resource, retire_resource
from portal.core.states import IllegalTransition
from portal.identity.models import Person, Project
from tests.factories import OfferingVersionFactory, place, priced
from tests.faults.persistence import insist
from tests.real.conftest import order_spec

SPECS: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "volume": lambda number: {"volume_gib": 1 + number % 2},
    "network": lambda number: {
        "cidr": f"192.168.{number % 250}.0/24",
        "way_out": ("outside", "none")[number % 2],
    },
    "floating_ip": lambda number: {},
    "security_group": lambda number: {"rules": "tcp 443 0.0.0.0/0\nicmp 10.0.0.0/8"},
    "load_balancer": lambda number: {
        "network": "intern",
        "protocol": "HTTP",
        "port": 80,
        "members": "10.20.4.12:8080\n10.20.4.13:8080",
    },
    "dns_zone": lambda number: {
        "zone": f"zone-{number}-{time.time_ns()}.example.nl",
        "email": "beheer@example.nl",
        "records": "@ A 192.0.2.10\n@ MX 10 mail.example.nl",
    },
    "container": lambda number: {"object_gib": 1},
}
# Kinds that are made from something that runs: of each, the question what from.
MADE_FROM: Final = {"volume_snapshot": "volume", "volume_backup": "volume"}
KINDS: Final = ("server", *SPECS)
LOOK_SECONDS: Final = 0.5


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

    def order(self, count: int, place: Place) -> None:
        """Order so many things of all kinds, in any order, and have them approved."""
        kinds = [KINDS[number % len(KINDS)] for number in range(count)]
        self.chance.shuffle(kinds)
        for number, kind in enumerate(kinds):
            version = self.versions[kind]
            spec = SPECS[kind](number) if kind in SPECS else order_spec(version)
            name = f"{kind.replace('_', '-')}-{number}"
            project = self.projects[number % len(self.projects)]
            order = insist(partial(place, project, version, name, spec))
            _once(partial(approve_order, UUID(order), approver=self.approver))

    def copy(self, place: Place) -> None:
        """Order one of every kind of copy of each thing that such a copy can be made from."""
        for kind, source in MADE_FROM.items():
            for original in insist(lambda source=source: list(_living().filter(kind=source))):
                spec = {source: str(original.public_id)}
                name = f"{kind.replace('_', '-')}-of-{original.name}"
                project = original.project
                order = insist(partial(place, project, self.versions[kind], name, spec))
                _once(partial(approve_order, UUID(order), approver=self.approver))

    def act(self, action: str) -> None:
        """Have it done to every server that runs."""
        for server in insist(lambda: list(_living().filter(kind="server"))):
            _once(partial(act_on_resource, server.public_id, action=action, actor=self.requester))

    def retire_copies(self) -> None:
        """What was made from others goes before those."""
        self._retire(lambda: _living().filter(kind__in=MADE_FROM))

    def retire_all(self) -> None:
        self._retire(_living)

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
        deadline = time.monotonic() + self.patience_seconds
        under_way = Operation.objects.filter(state__in=OPEN_OPERATION_STATES)
        stuck = under_way.filter(state=OperationState.FAILED).exclude(kind=OperationKind.PROVISION)
        while time.monotonic() < deadline:
            for_a_person = insist(lambda: list(describe(stuck)))
            if for_a_person:
                raise NeedsAPerson("\n".join(for_a_person))
            if not insist(under_way.exists):
                return
            time.sleep(LOOK_SECONDS)
        raise AssertionError("it does not end:\n" + "\n".join(describe(under_way)))


def _once(action: Callable[[], object]) -> None:
    """Do it; where the first try got through but its answer did not, the second is refused."""
    with suppress(IllegalTransition, ResourceBusy, ActionNotOffered):
        insist(action)


def offer_all(server: OfferingVersion) -> dict[str, OfferingVersion]:
    """An offering of every kind; what fails is undone at the next sweep."""
    priced(
        network="1.00",
        router="4.00",
        floating_ip="2.50",
        load_balancer="18.00",
        dns_zone="0.50",
        object="0.02",
        snapshot="0.05",
        backup="0.03",
    )
    choices = {
        **server.choices,
        "ways_out": ["outside", "none"],
        "object_gib": {"minimum": 1, "maximum": 10, "default": 1},
    }
    return {
        kind: OfferingVersionFactory(
            offering=Offering.objects.create(code=f"faulty-{kind.replace('_', '-')}", kind=kind),
            cloud=server.cloud,
            choices=choices,
            compensate_after_hours=0,
        )
        for kind in (*KINDS, *MADE_FROM)
    }


def describe(operations: Any) -> Iterator[str]:
    """A line for each, with where it stands and the last error of that step."""
    for operation in operations.select_related("resource"):
        step = operation.steps.exclude(state="done").first()
        where = f"{step.name} {step.state} {step.attempts}x: {step.last_error}" if step else "-"
        yield f"{operation.plan} {operation.resource.name} {operation.state} at {where}"


def _living() -> Any:
    return Resource.objects.filter(state=ResourceState.ACTIVE).order_by("pk")
