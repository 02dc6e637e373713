"""The quotas that OpenStack itself keeps for a project, by the portal's metric names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from openstack.connection import Connection
from openstack.exceptions import raise_from_response

from portal.cloud.openstack.connections import OnCloud
from portal.cloud.ports import BACKUP_GIB, UNLIMITED, CloudError, CloudUnavailable

MIB_PER_GIB: Final = 1024
BYTES_PER_GIB: Final = 1024**3


@dataclass(frozen=True)
class CloudQuota:
    """Where a metric lives in OpenStack, and how many of its units go in one of ours."""

    service: str
    name: str
    per_unit: int = 1

    def to_cloud(self, limit: int) -> int:
        return limit if limit == UNLIMITED else limit * self.per_unit

    def from_cloud(self, limit: int) -> int:
        return limit if limit == UNLIMITED else limit // self.per_unit


QUOTAS: Final[Mapping[str, CloudQuota]] = {
    "servers": CloudQuota("compute", "instances"),
    "vcpus": CloudQuota("compute", "cores"),
    "memory_gib": CloudQuota("compute", "ram", MIB_PER_GIB),
    "volumes": CloudQuota("block-storage", "volumes"),
    "volume_gib": CloudQuota("block-storage", "gigabytes"),
    "snapshots": CloudQuota("block-storage", "snapshots"),
    BACKUP_GIB: CloudQuota("block-storage", "backup_gigabytes"),
    "networks": CloudQuota("network", "networks"),
    "routers": CloudQuota("network", "routers"),
    "floating_ips": CloudQuota("network", "floating_ips"),
    "load_balancers": CloudQuota("load-balancer", "load_balancers"),
    "dns_zones": CloudQuota("dns", "zones"),
    "object_gib": CloudQuota("object-store", "X-Account-Meta-Quota-Bytes", BYTES_PER_GIB),
}
# Beside a limit of 0 bytes: Swift measures an upload that does not say its length only afterwards.
OBJECT_COUNT: Final = "X-Account-Quota-Count"
# Set by the older name, Swift tells it by that or, since 2.35, by the newer one.
OBJECT_LIMITS: Final = ("X-Account-Quota-Bytes", "X-Account-Meta-Quota-Bytes")
# Of one project Designate tells and changes nothing to another, without this.
OF_ALL_PROJECTS: Final = {"X-Auth-All-Projects": "True"}
# Parts of what we count. Neutron's own limits (10 security groups, 100 rules) would refuse an
# order that the tree of quotas allows.
UNCOUNTED: Final = ("subnets", "ports", "security_groups", "security_group_rules")


Tell = Callable[[str, Mapping[str, int]], None]


def _tell_at_once(
    services: Collection[Tell], project: str, limits: Mapping[str, int]
) -> dict[Tell, CloudError]:
    """Tell each of them in a thread of its own; what went wrong, by service."""
    with ThreadPoolExecutor(len(services)) as pool:
        answers = {
            tell: pool.submit(copy_context().run, tell, project, limits) for tell in services
        }
    errors = {tell: answer.exception() for tell, answer in answers.items()}
    for error in errors.values():
        if error is not None and not isinstance(error, CloudError):
            raise error
    return {tell: error for tell, error in errors.items() if isinstance(error, CloudError)}


def _may_be_told_again(error: CloudError) -> bool:
    """It broke off, and nobody asked to be left alone. To set a limit twice does no harm."""
    is_broken = error.status is None or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return is_broken and isinstance(error, CloudUnavailable) and not error.retry_after


class Quotas(OnCloud):
    """The quota part of the port.

    A cloud that lacks a service needs no limit on it.
    """

    def set_quota(self, project: str, limits: Mapping[str, int]) -> None:
        """Each service keeps its own limits, so all are told at the same time.

        Who did not answer is told once more: of six, one is often away for a moment, and then all
        would have to be told again later.
        """
        services = (
            self._limit_compute,
            self._limit_volumes,
            self._limit_network,
            self._limit_balancers,
            self._limit_zones,
            self._limit_objects,
        )
        failed = _tell_at_once(services, project, limits)
        if failed and all(_may_be_told_again(error) for error in failed.values()):
            failed = _tell_at_once(failed, project, limits)
        for error in failed.values():
            raise error

    def _limit_compute(self, project: str, limits: Mapping[str, int]) -> None:
        if compute := _of_service("compute", limits):
            with self._asking("compute", "set quota") as cloud:
                # force: the portal counts what it promised; what is used may be more for a moment.
                cloud.compute.update_quota_set(project, user=None, force=True, **compute)

    def _limit_volumes(self, project: str, limits: Mapping[str, int]) -> None:
        if volume := _of_service("block-storage", limits):
            if BACKUP_GIB in limits:  # each takes one at least, so no more of them fit
                volume["backups"] = limits[BACKUP_GIB]
            with self._asking("block-storage", "set quota") as cloud:
                cloud.block_storage.update_quota_set(project, **volume)

    def _limit_network(self, project: str, limits: Mapping[str, int]) -> None:
        if network := _of_service("network", limits):
            network.update(dict.fromkeys(UNCOUNTED, UNLIMITED))
            with self._asking("network", "set quota") as cloud:
                cloud.network.update_quota(project, **network)

    def _limit_balancers(self, project: str, limits: Mapping[str, int]) -> None:
        if balancers := _of_service("load-balancer", limits):
            with self._asking("load-balancer", "set quota") as cloud:
                if has_service(cloud, "load-balancer"):
                    cloud.load_balancer.update_quota(project, **balancers)

    def _limit_zones(self, project: str, limits: Mapping[str, int]) -> None:
        if zones := _of_service("dns", limits):
            with self._asking("dns", "set quota") as cloud:
                if has_service(cloud, "dns"):
                    path = f"/quotas/{project}"
                    raise_from_response(cloud.dns.patch(path, json=zones, headers=OF_ALL_PROJECTS))

    def _limit_objects(self, project: str, limits: Mapping[str, int]) -> None:
        if objects := _of_service("object-store", limits):
            with self._asking("object-store", "set quota") as cloud:
                if has_service(cloud, "object-store"):
                    _limit_account(cloud, project, objects)

    def fetch_quota(self, project: str) -> dict[str, int]:
        answers: dict[str, object] = {}
        with self._asking("compute", "read quota") as cloud:
            answers["compute"] = cloud.compute.get_quota_set(project)
        with self._asking("block-storage", "read quota") as cloud:
            answers["block-storage"] = cloud.block_storage.get_quota_set(project)
        with self._asking("network", "read quota") as cloud:
            answers["network"] = cloud.network.get_quota(project)
        limits = {
            metric: quota.from_cloud(int(getattr(answers[quota.service], quota.name)))
            for metric, quota in QUOTAS.items()
            if quota.service in answers
        }
        return {**limits, **self._fetch_optional(project)}

    def _fetch_optional(self, project: str) -> dict[str, int]:
        limits: dict[str, int] = {}
        with self._asking("load-balancer", "read quota") as cloud:
            if has_service(cloud, "load-balancer"):
                limits["load_balancers"] = cloud.load_balancer.get_quota(project).load_balancers
        with self._asking("dns", "read quota") as cloud:
            if has_service(cloud, "dns"):
                answer = cloud.dns.get(f"/quotas/{project}", headers=OF_ALL_PROJECTS)
                raise_from_response(answer)
                limits["dns_zones"] = answer.json()["zones"]
        with self._asking("object-store", "read quota") as cloud:
            if has_service(cloud, "object-store"):
                answer = cloud.session.head(_account(cloud, project), raise_exc=False)
                told = [answer.headers.get(name) for name in OBJECT_LIMITS] if answer.ok else []
                limit = next(filter(None, told), UNLIMITED)
                limits["object_gib"] = QUOTAS["object_gib"].from_cloud(int(limit))
        return limits

    def fetch_usage(self, project: str) -> dict[str, int]:
        with self._asking("compute", "read usage") as cloud:
            used = {"compute": cloud.compute.get_quota_set(project, usage=True).usage}
        with self._asking("block-storage", "read usage") as cloud:
            used["block-storage"] = cloud.block_storage.get_quota_set(project, usage=True).usage
        with self._asking("network", "read usage") as cloud:
            details = cloud.network.get_quota(project, details=True)
            names = [quota.name for quota in QUOTAS.values() if quota.service == "network"]
            used["network"] = {name: getattr(details, name)["used"] for name in names}
        counted = {
            metric: -(-int(used[quota.service][quota.name]) // quota.per_unit)
            for metric, quota in QUOTAS.items()
            if quota.service in used
        }
        return {**counted, **self._count_optional(project)}

    def _count_optional(self, project: str) -> dict[str, int]:
        used: dict[str, int] = {}
        with self._asking("load-balancer", "read usage") as cloud:
            if has_service(cloud, "load-balancer"):
                there = cloud.load_balancer.load_balancers(project_id=project)
                used["load_balancers"] = len(list(there))
        with self._asking("dns", "read usage", project) as cloud:
            if has_service(cloud, "dns"):
                zones = cloud.dns.zones()  # also what other projects share with this one
                used["dns_zones"] = sum(zone.project_id == project for zone in zones)
        with self._asking("object-store", "read usage") as cloud:
            if has_service(cloud, "object-store"):
                answer = cloud.session.head(_account(cloud, project), raise_exc=False)
                stored = int(answer.headers.get("X-Account-Bytes-Used", 0)) if answer.ok else 0
                used["object_gib"] = -(-stored // BYTES_PER_GIB)
        return used


def has_service(cloud: Connection, service: str) -> bool:
    """Whether the cloud's catalogue knows a service of this type."""
    return cloud.session.get_endpoint(service_type=service) is not None


def _limit_account(cloud: Connection, project: str, limits: Mapping[str, int]) -> None:
    headers = {name: str(limit) for name, limit in limits.items()}
    headers[OBJECT_COUNT] = "" if any(limits.values()) else "0"  # "" is no limit
    answer = cloud.session.post(_account(cloud, project), headers=headers, raise_exc=False)
    raise_from_response(answer)


def _account(cloud: Connection, project: str) -> str:
    """Where Swift keeps the project's account; our own stands in the catalogue.

    Without the SDK's own client for it: what that discovers of our account, connections that are
    for one project would take for theirs.
    """
    own = str(cloud.session.get_endpoint(service_type="object-store"))
    return own.replace(str(cloud.current_project_id), project)


def _of_service(service: str, limits: Mapping[str, int]) -> dict[str, int]:
    """The limits that this service keeps, by its names and in its units."""
    return {
        QUOTAS[metric].name: QUOTAS[metric].to_cloud(limit)
        for metric, limit in limits.items()
        if QUOTAS[metric].service == service
    }
