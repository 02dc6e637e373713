"""What a step may know and do while it runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from catalog.kinds.base import StepContext
from catalog.models import OperationKind, Resource, ResourceState
from catalog.provisioning.claims import Held
from catalog.provisioning.cloud_quota import push_quota
from catalog.services.access import who_gets_in
from catalog.services.operations import asker_of
from portal.audit.services import record
from portal.cloud import get_cloud
from portal.cloud.markers import write_marker
from portal.cloud.ports import (
    CloudMissing,
    CloudObject,
    CloudRefused,
    CloudUnavailable,
)

Find = Callable[[], list[CloudObject]]
Create = Callable[[], CloudObject]
Remove = Callable[[CloudObject], None]


class OutcomeUnknown(Exception):
    """A create was never answered and nothing is to be seen yet: look again, do not create."""


class ResourceContext(StepContext):
    """The facts about a resource and its place, as the database has them now."""

    def __init__(self, resource: Resource) -> None:
        cloud_project = resource.cloud_project
        line = resource.order_line
        self._resource = resource
        self.resource_id = resource.public_id
        self.name = resource.name
        self.spec = resource.spec
        self.settings = line.offering_version.choices if line else {}
        self.cloud_project_id = cloud_project.public_id
        self.domain = cloud_project.cloud.domain_name
        self.project = cloud_project.openstack_project_id
        self.cloud_ids = resource.cloud_ids
        self.facts = resource.facts
        self.answers: Mapping[str, Any] = {}
        self.is_unmanaged = resource.is_unmanaged
        self.cloud = get_cloud(cloud_project.cloud.key)

    @property
    @transaction.atomic
    def end_date(self) -> date | None:
        """See ``StepContext.end_date``. Locked, so as to wait for who is renewing it."""
        row = Resource.objects.select_for_update(no_key=True).filter(pk=self._resource.pk)
        return row.values_list("end_date", flat=True).get()

    def marker(self, part: str, *, shared: bool = False) -> str:
        return write_marker(self.cloud_project_id if shared else self.resource_id, part)

    def cloud_ids_of(self, public_id: str) -> Mapping[str, str]:
        found = Resource.objects.filter(
            public_id=public_id, cloud_project=self._resource.cloud_project_id
        ).first()
        if found is None or found.state == ResourceState.RETIRED:
            raise CloudMissing("what it is about is gone")
        cloud_ids: dict[str, str] = found.cloud_ids
        return cloud_ids

    def who_gets_in(self, people: Collection[UUID]) -> set[UUID]:
        return who_gets_in(self._resource.project, people)

    def push_quota(self, project: str, *, backup_gib: int = 0) -> None:
        push_quota(self._resource.cloud_project, project, backup_gib=backup_gib)

    def keep_oldest(self, found: list[CloudObject], remove: Remove) -> CloudObject:
        """Return the first, remove the others and write down that there were others."""
        kept, *doubles = found
        for double in doubles:
            self.remove_double(double, remove, kept=kept)
        return kept

    def remove_double(
        self, double: CloudObject, remove: Remove, *, kept: CloudObject | None
    ) -> None:
        """Remove what nobody asked for, and write down that it was there."""
        with suppress(CloudMissing):
            remove(double)
        self._record_removal(double, kept)

    @transaction.atomic(durable=True)
    def _record_removal(self, double: CloudObject, kept: CloudObject | None) -> None:
        record(
            "operation.duplicate_removed",
            self._resource,
            actor=None,
            node_id=self._resource.project_id,
            data={
                "marker": double.marker,
                "removed": double.id,
                "kept": kept.id if kept else None,
            },
        )


class WorkingContext(ResourceContext):
    """The context of a step that a worker holds."""

    def __init__(self, held: Held) -> None:
        step = held.step
        super().__init__(step.operation.resource)
        self.operation_id = step.operation.public_id
        self.began_at = step.started_at or now()
        if step.operation.kind == OperationKind.CHANGE and step.operation.order_line:
            self.spec = step.operation.order_line.spec
        uses = held.definition.uses
        if uses is not None:
            self.spec = {name: value for name, value in self.spec.items() if name in uses}
        self.answers = step.operation.answers
        self._held = held
        self._must_look = step.outcome_unknown_at is not None
        self._unanswered_since = step.create_intended_at

    @property
    def asked_by(self) -> UUID | None:
        asker = asker_of(self._held.step.operation)
        return asker.public_id if asker else None

    def ensure(
        self, *, find: Find, create: Create, remove: Remove, shared: bool = False
    ) -> CloudObject:
        """See ``StepContext.ensure``.

        Raises:
            OutcomeUnknown: an earlier create was not answered, and may still arrive.
            Overtaken: another worker has the step; nothing was created.
        """
        if shared or self._must_look:
            found = find()
            if found:
                return self.keep_oldest(found, remove)
            if self._may_still_arrive():
                raise OutcomeUnknown
        return self._create(create, shared=shared)

    def hold(self) -> None:
        """See ``StepContext.hold``.

        Raises:
            Overtaken: another worker has the step.
        """
        self._held.write(leased_until=now() + settings.STEP_LEASE)

    def _may_still_arrive(self) -> bool:
        since = self._unanswered_since
        wait: timedelta = settings.UNKNOWN_OUTCOME_WAIT
        return since is not None and now() < since + wait

    def _create(self, create: Create, *, shared: bool) -> CloudObject:
        """Write the intent, ask the cloud, and keep the intent unless the cloud surely said no.

        What is shared is always looked for first, so its intent has served once the cloud
        answered; else a step that makes several such things would wait for what it has.
        """
        at = now()
        self._held.write(create_intended_at=at, leased_until=at + settings.STEP_LEASE)
        try:
            made = create()
        except CloudUnavailable as error:
            if error.outcome_unknown:
                self._held.write(outcome_unknown_at=now())
            else:
                self._held.write(create_intended_at=None)
            raise
        except CloudRefused:
            self._held.write(create_intended_at=None)
            raise
        if shared:
            self._held.write(create_intended_at=None)
        return made
