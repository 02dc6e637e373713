"""Keystone projects, and what the operator offers to all of them."""

from __future__ import annotations

from functools import cached_property
from typing import cast

from openstack.connection import Connection
from openstack.exceptions import ConflictException, raise_from_response
from openstack.identity.v3._proxy import Proxy as Keystone
from openstack.identity.v3.project import Project

from portal.cloud.openstack.connections import Connections, OnCloud
from portal.cloud.openstack.reading import made
from portal.cloud.ports import (
    CloudObject,
    CloudRefused,
    CloudUnavailable,
    FlavorFacts,
    ImageFacts,
    Inventory,
    VolumeTypeFacts,
)

MEMBER_ROLE = "member"
UNNAMED_VOLUME_TYPE = "__DEFAULT__"  # what Cinder makes for volumes without a type


class Projects(OnCloud):
    """The identity part of the port, and the inventory."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        # Keystone never gives a domain's id to another, so it is asked once.
        self._domain_ids: dict[str, str] = {}

    def fetch_inventory(self) -> Inventory:
        with self._asking("compute", "list flavors") as cloud:
            flavors = [
                FlavorFacts(
                    id=item.id,
                    name=item.name,
                    vcpus=item.vcpus,
                    memory_mib=item.ram,
                    disk_gib=item.disk,
                )
                for item in cloud.compute.flavors(is_public=True)
            ]
        with self._asking("image", "list images") as cloud:
            images = [
                ImageFacts(
                    id=item.id,
                    name=item.name,
                    min_disk_gib=item.min_disk or 0,
                    min_memory_mib=item.min_ram or 0,
                )
                for item in cloud.image.images(
                    visibility="public", status="active", sort="created_at:asc"
                )
            ]
        with self._asking("block-storage", "list volume types") as cloud:
            volume_types = [
                VolumeTypeFacts(id=item.id, name=item.name)
                for item in cloud.block_storage.types(is_public=True)
                if item.name != UNNAMED_VOLUME_TYPE
            ]
        return Inventory(flavors=flavors, images=images, volume_types=volume_types)

    def find_projects(self, *, domain_name: str, name: str) -> list[CloudObject]:
        with self._asking("identity", "find project") as cloud:
            return _named(cloud, self._domain_id(cloud, domain_name), name)

    def create_project(self, *, domain_name: str, name: str, description: str) -> CloudObject:
        with self._asking("identity", "create project") as cloud:
            domain_id = self._domain_id(cloud, domain_name)
            try:
                project = _project(
                    keystone(cloud).create_project(
                        name=name, domain_id=domain_id, description=description
                    )
                )
            except ConflictException:
                found = _named(cloud, domain_id, name)
                if not found:
                    raise  # a conflict about something else
                project = found[0]
        made(project, "create project")
        try:
            self.ensure_project_access(project.id)
        except CloudUnavailable as error:
            error.outcome_unknown = True  # the project is there; look it up, do not make another
            raise
        return project

    def ensure_project_access(self, project: str, *, user: str = "") -> None:
        with self._asking("identity", "give project access") as cloud:
            self._make_member(project, user or str(cloud.current_user_id))

    def _make_member(self, project: str, user: str) -> None:
        with self._asking("identity", "give project access") as cloud:
            # Keystone's PUT of an assignment that is there already changes nothing. Without the
            # SDK's verb for it, which keeps a refusal to itself.
            path = f"/projects/{project}/users/{user}/roles/{self._member_role_id}"
            raise_from_response(keystone(cloud).put(path))

    @cached_property
    def _member_role_id(self) -> str:
        with self._asking("identity", "find the member role") as cloud:
            roles = list(keystone(cloud).roles(name=MEMBER_ROLE))
        if not roles:
            raise CloudRefused(f"the cloud has no role {MEMBER_ROLE!r}", service="identity")
        return str(roles[0].id)

    def _domain_id(self, cloud: Connection, name: str) -> str:
        if name not in self._domain_ids:
            domains = list(keystone(cloud).domains(name=name))
            if not domains:
                raise CloudRefused(f"the cloud has no domain {name!r}", service="identity")
            self._domain_ids[name] = str(domains[0].id)
        return self._domain_ids[name]


def keystone(cloud: Connection) -> Keystone:
    """Version 3 of the identity service; Keystone has had no other since 2018."""
    return cast(Keystone, cloud.identity)


def _named(cloud: Connection, domain_id: str, name: str) -> list[CloudObject]:
    found = keystone(cloud).projects(domain_id=domain_id, name=name)
    return [_project(item) for item in found if item.name == name]


def _project(item: Project) -> CloudObject:
    """Keystone keeps no time of creation; the name is unique, so no order is needed."""
    return CloudObject(
        id=item.id,
        name=item.name,
        status="ACTIVE" if item.is_enabled else "DISABLED",
        marker=item.name,
        details={"domain_id": item.domain_id},
    )
