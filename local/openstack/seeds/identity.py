"""Accounts of the services, their addresses in the catalogue, and the portal's own domain."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from local.openstack.arguments import site_from_arguments
from local.openstack.rest import Operator, Refused
from local.openstack.site import PORTAL, REGION, SERVICE_PROJECT, Site

CATALOGUE: Final = (  # type of service, its name and that of its account, path
    ("image", "glance", ""),
    ("placement", "placement", ""),
    ("compute", "nova", "/v2.1"),
    ("network", "neutron", ""),
    ("block-storage", "cinder", "/v3"),
    ("object-store", "swift", "/v1/AUTH_%(project_id)s"),
    ("dns", "designate", ""),
    ("load-balancer", "octavia", ""),
)
IMPLIED_ROLES: Final = {"member": "load-balancer_member", "admin": "load-balancer_admin"}
"""Octavia knows roles of its own; whoever may work in a project may balance its load."""


class Identity:
    """Finds what is there by name, makes what is missing."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.operator = Operator(site)

    def ensure(self, kind: str, name: str, *, scope: str = "", **facts: object) -> str:
        """Return the id of the ``kind`` (``user``, ``role`` …) with this name; made if missing.

        Args:
            scope: query that narrows the listing, e.g. ``domain_id=default``.
            facts: sent along when it has to be made.
        """
        listed = self.operator.get("keystone", f"/v3/{kind}s?name={name}&{scope}")[f"{kind}s"]
        if listed:
            return str(listed[0]["id"])
        return self._make(f"{kind}s", kind, {"name": name, **facts})

    def ensure_domain_member(self, kind: str, name: str, domain: str, **facts: object) -> str:
        """Return the id of a user or project of a domain; made if missing."""
        return self.ensure(kind, name, scope=f"domain_id={domain}", domain_id=domain, **facts)

    def grant(self, user: str, role: str, target: str) -> None:
        """Give ``user`` a role on ``target``: ``projects/ID`` or ``domains/ID``."""
        self.operator.call("PUT", "keystone", f"/v3/{target}/users/{user}/roles/{role}")

    def ensure_endpoint(self, kind: str, name: str, url: str) -> None:
        """Put one public address of a service in the catalogue, or correct the one there."""
        service = self.ensure("service", name, type=kind)
        path = f"/v3/endpoints?service_id={service}&interface=public"
        listed = self.operator.get("keystone", path)["endpoints"]
        facts = {
            "service_id": service,
            "interface": "public",
            "region_id": REGION,
            "url": url,
        }
        if not listed:
            self._make("endpoints", "endpoint", facts)
        elif listed[0]["url"] != url:
            path = f"/v3/endpoints/{listed[0]['id']}"
            self.operator.call("PATCH", "keystone", path, {"endpoint": {"url": url}})

    def _make(self, collection: str, kind: str, facts: dict[str, Any]) -> str:
        answer = self.operator.call("POST", "keystone", f"/v3/{collection}", {kind: facts})
        return str(answer[kind]["id"])


def ensure_service_users(identity: Identity) -> None:
    project = identity.ensure_domain_member("project", SERVICE_PROJECT, "default")
    roles = [identity.ensure("role", name) for name in ("admin", "service")]
    for _, name, _ in CATALOGUE:
        password = identity.site.password(name)
        user = identity.ensure_domain_member("user", name, "default", password=password)
        for role in roles:
            identity.grant(user, role, f"projects/{project}")


def ensure_implied_roles(identity: Identity) -> None:
    for prior, implied in IMPLIED_ROLES.items():
        prior_id, implied_id = identity.ensure("role", prior), identity.ensure("role", implied)
        path = f"/v3/roles/{prior_id}/implies/{implied_id}"
        try:
            identity.operator.call("PUT", "keystone", path)
        except Refused as refusal:
            if refusal.status != HTTPStatus.CONFLICT:  # which means: it is there already
                raise


def ensure_catalogue(identity: Identity) -> None:
    identity.ensure_endpoint("identity", "keystone", identity.site.keystone_url)
    for kind, name, path in CATALOGUE:
        identity.ensure_endpoint(kind, name, f"{identity.site.layout.url(name)}{path}")


def ensure_portal(identity: Identity) -> None:
    """Make the portal's domain, with one account that administers it.

    The account has a project of its own: Nova and Cinder list over all projects only for a token
    that is for one.
    """
    domain = identity.ensure("domain", PORTAL, description="Projects made by the portal")
    project = identity.ensure_domain_member("project", PORTAL, domain)
    password = identity.site.password(PORTAL)
    user = identity.ensure_domain_member("user", PORTAL, domain, password=password)
    admin = identity.ensure("role", "admin")
    for target in (f"domains/{domain}", f"projects/{project}"):
        identity.grant(user, admin, target)


def main() -> None:
    identity = Identity(site_from_arguments())
    ensure_catalogue(identity)
    ensure_service_users(identity)
    ensure_implied_roles(identity)
    ensure_portal(identity)


main()
