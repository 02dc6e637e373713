"""The steps that make a copy of a volume or a server, and those that remove it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from catalog.kinds.base import (
    Broken,
    Done,
    Look,
    Outcome,
    Plan,
    StepContext,
    StepDefinition,
    Wait,
)
from catalog.kinds.parameters import Text
from catalog.kinds.parts import Compared, Finding, Part, called, size_gib
from catalog.kinds.steps.cloud_project import PROJECT, QUOTA
from catalog.kinds.steps.removal import delete_all, remaining
from portal.cloud.ports import Cloud, CloudMissing, CloudObject, CopySpec, Listing

FAILED = frozenset({"ERROR", "ERROR_DELETING", "KILLED"})
# Several TiB into a store of objects: more than a cloud is busy with anything else.
COPYING_TAKES: Final = timedelta(hours=12)
SIZE_OF_VOLUME = size_gib(lambda record: str(record.spec["volume_gib"]))


def _copy_facts(copy: CloudObject) -> dict[str, Any]:
    """Since when it is kept, by the cloud's clock."""
    return {"kept_at": copy.created_at.isoformat() if copy.created_at else None}


@dataclass(frozen=True, kw_only=True)
class Copying:
    """How one sort of copy is made: by which calls of the port.

    Attributes:
        part: the name of its step, and of its part in the marker.
        of: the parameter that names what it is a copy of, and the part of that which is copied.
        size: the key in the spec that says how large that was, in GiB.
        ready: the cloud's word for one that can be used.
        compared: beside its name.
    """

    part: str
    label: Text
    gone_label: Text
    listing: Listing
    find: Callable[[Cloud, str, str], list[CloudObject]]
    create: Callable[[Cloud, str, CopySpec, str], CloudObject]
    delete: Callable[[Cloud, str, str], None]
    list: Callable[[Cloud, str], list[CloudObject]]
    of: str = "volume"
    size: str = "volume_gib"
    ready: str = "AVAILABLE"
    compared: Sequence[Compared] = (SIZE_OF_VOLUME,)

    def plans(self) -> dict[str, Plan]:
        return {
            "provision": Plan(version=1, steps=[PROJECT, self._making()]),
            "retire": Plan(version=1, steps=[self._removing(), QUOTA]),
        }

    def cloud_part(self) -> Part:
        return Part(
            key=self.part,
            label=self.label,
            listing=self.listing,
            compared=[called(self.part), *self.compared],
        )

    def _making(self) -> StepDefinition:
        return StepDefinition(
            name=self.part,
            label=self.label,
            run=self._run,
            settle=self._settle,
            clear=self._clear,
            reads=frozenset({self.listing}),
            timeout=COPYING_TAKES,
        )

    def _removing(self) -> StepDefinition:
        return StepDefinition(
            name=self.part,
            label=self.gone_label,
            run=self._run_gone,
            settle=self._settle_gone,
            reads=frozenset({self.listing}),
        )

    def _run(self, context: StepContext) -> Outcome:
        project, cloud, marker = context.project, context.cloud, context.marker(self.part)

        def create() -> CloudObject:
            of_id = context.cloud_ids_of(context.spec[self.of])[self.of]
            spec = CopySpec(name=context.name, of_id=of_id)
            return self.create(cloud, project, spec, marker)

        copy = context.ensure(
            find=lambda: self.find(cloud, project, marker),
            create=create,
            remove=lambda double: self.delete(cloud, project, double.id),
        )
        return self._judge(copy)

    def _settle(self, context: StepContext, copy_id: str, look: Look) -> Outcome:
        copy = look[self.listing].get(copy_id)
        return self._judge(copy) if copy else Broken("It is gone.")

    def _judge(self, copy: CloudObject) -> Outcome:
        if copy.status in FAILED:
            return Broken(copy.fault or f"It is in {copy.status}.")
        if copy.status != self.ready:
            return Wait(external_id=copy.id)
        return Done(external_id=copy.id, facts=_copy_facts(copy))

    def found(self, copy: CloudObject) -> Finding | None:
        """One that nobody ordered; of what of ours it is a copy nobody told us."""
        size = copy.details.get("size_gib")
        if not size:
            return None
        spec = {self.of: None, self.size: size}
        return Finding(spec=spec, facts=_copy_facts(copy))

    def _clear(self, context: StepContext, copy_id: str) -> None:
        there = {copy.id: copy for copy in self.list(context.cloud, context.project)}
        if copy_id not in there:
            raise CloudMissing("it is gone")
        if there[copy_id].status != "DELETING":
            self.delete(context.cloud, context.project, copy_id)

    def _run_gone(self, context: StepContext) -> Outcome:
        """Cinder refuses to delete what it is deleting, so look first."""
        cloud = context.cloud

        def delete(project: str, copy_id: str) -> None:
            there = {copy.id: copy.status for copy in self.list(cloud, project)}
            if there.get(copy_id) != "DELETING":
                self.delete(cloud, project, copy_id)

        def find(project: str, marker: str) -> list[CloudObject]:
            return self.find(cloud, project, marker)

        return Wait() if delete_all(context, self.part, find, delete) else Done()

    def _settle_gone(self, context: StepContext, _id: str, look: Look) -> Outcome:
        left = remaining(context, self.part, look[self.listing])
        for copy in left:
            if copy.status in FAILED:
                return Broken(copy.fault or "It was not removed.")
        return Wait() if left else Done()
