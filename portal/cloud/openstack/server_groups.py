"""Server groups. Their name is the marker: Nova keeps no tag or metadata of them."""

from __future__ import annotations

from typing import Any

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.openstack.reading import carrying, made, ours
from portal.cloud.ports import CloudObject


class ServerGroups(OnCloud):
    """The part of the port that says which servers stand together or apart."""

    def find_server_groups(self, project: str, marker: str) -> list[CloudObject]:
        with self._asking("compute", "find server group", project) as cloud:
            return carrying(marker, map(read_server_group, cloud.compute.server_groups()))

    def create_server_group(self, project: str, policy: str, marker: str) -> CloudObject:
        with self._asking("compute", "create server group", project) as cloud:
            group = cloud.compute.create_server_group(name=marker, policy=policy)
        return made(read_server_group(group), "create server group")

    def delete_server_group(self, project: str, server_group_id: str) -> None:
        with self._asking("compute", "delete server group", project) as cloud:
            cloud.compute.delete_server_group(server_group_id, ignore_missing=False)


def read_server_group(item: Any) -> CloudObject:
    return CloudObject(
        id=item.id,
        name=item.name or "",
        status="ACTIVE",
        marker=ours(item.name),
        details={"policy": item.policy or "", "server_ids": list(item.member_ids or [])},
    )
