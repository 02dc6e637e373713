"""Keystone users of environments, and the application credentials that they come in with."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from keystoneauth1.exceptions import Unauthorized
from openstack.connection import Connection
from openstack.exceptions import ConflictException, raise_from_response
from openstack.identity.v3.user import User

from portal.cloud.crypto import derive_password
from portal.cloud.openstack.projects import Projects, keystone
from portal.cloud.openstack.reading import iso, made
from portal.cloud.ports import CloudObject, CloudUnavailable, IssuedCredential

ROLE_NOT_FOUND: Final = "Could not find role assignment"
_METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE")  # of those that Keystone knows


class Users(Projects):
    """The part of the port about who comes in by itself.

    Only a user can make its own application credential, so the portal logs in as that user. The
    password is derived from the portal's key: nobody knows it, and it is kept nowhere.
    """

    def find_users(self, *, domain_name: str, name: str) -> list[CloudObject]:
        with self._asking("identity", "find user") as cloud:
            domain_id = self._domain_id(cloud, domain_name)
            found = keystone(cloud).users(domain_id=domain_id, name=name)
            return [_user(item) for item in found if item.name == name]

    def create_user(self, *, domain_name: str, name: str, project: str) -> CloudObject:
        with self._asking("identity", "create user") as cloud:
            facts = {
                "name": name,
                "domain_id": self._domain_id(cloud, domain_name),
                "password": derive_password(project),
                "default_project_id": project,
            }
            try:
                answer = keystone(cloud).post("/users", json={"user": facts}, log=False)
                raise_from_response(answer)
                user = CloudObject(
                    id=answer.json()["user"]["id"], name=name, status="ACTIVE", marker=name
                )
            except ConflictException:
                found = self.find_users(domain_name=domain_name, name=name)
                if not found:
                    raise  # a conflict about something else
                user = found[0]
        made(user, "create user")
        try:
            self._make_member(project, user.id)
        except CloudUnavailable as error:
            error.outcome_unknown = True  # the user is there; look it up, do not make another
            raise
        return user

    def delete_user(self, user: str) -> None:
        with self._asking("compute", "delete keypairs") as cloud:
            for pair in list(cloud.compute.keypairs(user_id=user)):
                cloud.compute.delete_keypair(pair.name, user_id=user, ignore_missing=True)
        with self._asking("identity", "delete user") as cloud:
            keystone(cloud).delete_user(user, ignore_missing=False)

    def list_credentials(self, user: str) -> list[CloudObject]:
        with self._asking("identity", "list application credentials") as cloud:
            found = keystone(cloud).application_credentials(user=user)
            return [
                CloudObject(
                    id=item.id,
                    name=item.name,
                    status="ACTIVE",
                    details={"expires_at": iso(item.expires_at)},
                )
                for item in found
            ]

    def create_credential(
        self,
        project: str,
        user: str,
        *,
        name: str,
        expires_at: datetime | None,
        storage_path: str = "",
    ) -> IssuedCredential:
        facts: dict[str, Any] = {"name": name, "unrestricted": False}
        if storage_path and settings.CREDENTIAL_ACCESS_RULES:
            facts["access_rules"] = _access_rules(storage_path)
        if expires_at:
            facts["expires_at"] = expires_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        with self._asking("identity", "create application credential") as cloud:
            password = derive_password(project)
            as_user = cloud.connect_as(user_id=user, password=password, project_id=project)
            try:
                as_user.session.get_token()
            except Unauthorized:
                # The portal has another key by now, or the password has lapsed. What Keystone
                # issues within the same second it refuses, so the next try finds it right.
                self._set_password(cloud, user, password)
                raise
            answer = keystone(as_user).post(
                f"/users/{user}/application_credentials",
                json={"application_credential": facts},
                log=False,
            )
            if answer.status_code == HTTPStatus.BAD_REQUEST and ROLE_NOT_FOUND in answer.text:
                # It was let in by that role a moment ago: a busy Keystone finds it next time.
                raise CloudUnavailable(f"create application credential: {answer.text[:300]}")
            raise_from_response(answer)
            issued = answer.json()["application_credential"]
            return IssuedCredential(
                id=issued["id"],
                secret=issued["secret"],
                auth_url=str(cloud.session.get_endpoint(service_type="identity")),
                region=str(cloud.config.get_region_name() or ""),
            )

    def delete_credential(self, user: str, credential: str) -> None:
        with self._asking("identity", "delete application credential") as cloud:
            keystone(cloud).delete_application_credential(user, credential, ignore_missing=False)

    def delete_project(self, project: str) -> None:
        with self._asking("network", "delete default security group") as cloud:
            for group in list(cloud.network.security_groups(project_id=project)):
                cloud.network.delete_security_group(group, ignore_missing=True)
        with self._asking("identity", "delete project") as cloud:
            keystone(cloud).delete_project(project, ignore_missing=False)

    def _set_password(self, cloud: Connection, user: str, password: str) -> None:
        body = {"user": {"password": password}}
        raise_from_response(keystone(cloud).patch(f"/users/{user}", json=body, log=False))


def _access_rules(storage_path: str) -> list[dict[str, str]]:
    """Whatever else it asks for, of any service, is refused."""
    return [
        {"service": "object-store", "method": method, "path": path}
        for method in _METHODS
        for path in (storage_path, f"{storage_path}/**")
    ]


def _user(item: User) -> CloudObject:
    """Keystone keeps no time of creation; the name is unique, so no order is needed."""
    return CloudObject(id=item.id, name=item.name, status="ACTIVE", marker=item.name)
