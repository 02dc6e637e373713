"""What the configuration of every OpenStack service has in common."""

from __future__ import annotations

from local.openstack.site import REGION, SERVICE_PROJECT, Site

Options = dict[str, object]


def base(site: Site, service: str) -> dict[str, Options]:
    """Return the sections that every service has.

    Remote calls go through memory (``fake://``): each service is one process that holds its API
    and its workers, so no message broker is needed.
    """
    state = site.state(service)
    (state / "lock").mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "DEFAULT": {"transport_url": "fake://", "state_path": state},
        "oslo_concurrency": {"lock_path": state / "lock"},
    }


def database(site: Site, name: str) -> Options:
    """Return the options of a database connection; few are kept open between requests."""
    return {"connection": site.database_url(name), "max_pool_size": 4, "max_overflow": 30}


def client(site: Site, user: str) -> Options:
    """Return the options with which a service logs in at Keystone as ``user``."""
    return {
        "auth_type": "password",
        "auth_url": site.keystone_url,
        "username": user,
        "password": site.password(user),
        "project_name": SERVICE_PROJECT,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def token_check(site: Site, user: str) -> Options:
    """Return ``[keystone_authtoken]``; each process remembers tokens for five minutes itself."""
    return {
        **client(site, user),
        "www_authenticate_uri": site.keystone_url,
        "interface": "public",
        "service_token_roles": "service",
        "service_token_roles_required": True,
        "token_cache_time": 300,
    }
