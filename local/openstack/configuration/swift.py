"""Swift: objects in one plain folder, one replica."""

from __future__ import annotations

from local.openstack.configuration.common import token_check
from local.openstack.configuration.files import Sections, write_ini
from local.openstack.site import Site

STORES = ("account", "container", "object")
DEVICE = "disk"
FILTERS = {
    "catch_errors": "catch_errors",
    "gatekeeper": "gatekeeper",
    "healthcheck": "healthcheck",
    "bulk": "bulk",
    "slo": "slo",
    "dlo": "dlo",
    "tempurl": "tempurl",
    "copy": "copy",
    "container-quotas": "container_quotas",
    "account-quotas": "account_quotas",
    "versioned_writes": "versioned_writes",
}
PIPELINE = (
    "catch_errors gatekeeper healthcheck bulk slo dlo tempurl authtoken keystoneauth copy"
    " container-quotas account-quotas versioned_writes proxy-server"
)


def write(site: Site) -> None:
    """Write the files of the proxy and of the three stores behind it."""
    folder = site.configuration("swift")
    (site.state("swift") / DEVICE).mkdir(mode=0o700, parents=True, exist_ok=True)
    write_ini(
        folder / "swift.conf",
        {
            "swift-hash": {"swift_hash_path_suffix": site.layout.secret("openstack-swift-hash")},
            "storage-policy:0": {"name": "standard", "default": "yes"},
        },
    )
    for store in STORES:
        write_ini(folder / f"{store}.conf", _store(site, store))
    write_ini(folder / "proxy.conf", _proxy(site))


def _listener(site: Site, port_name: str) -> dict[str, object]:
    return {
        "swift_dir": site.configuration("swift"),
        "bind_ip": "127.0.0.1",
        "bind_port": site.layout.ports[port_name],
    }


def _store(site: Site, store: str) -> Sections:
    return {
        "DEFAULT": {
            **_listener(site, f"swift_{store}"),
            "devices": site.state("swift"),
            "mount_check": False,
            "disable_fallocate": True,
        },
        "pipeline:main": {"pipeline": f"{store}-server"},
        f"app:{store}-server": {"use": f"egg:swift#{store}"},
    }


def _proxy(site: Site) -> Sections:
    return {
        "DEFAULT": _listener(site, "swift"),
        "pipeline:main": {"pipeline": PIPELINE},
        "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": True},
        "filter:authtoken": {
            "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
            **token_check(site, "swift"),
            "delay_auth_decision": True,
            "service_type": "object-store",  # else Swift refuses credentials with access rules
        },
        "filter:keystoneauth": {
            "use": "egg:swift#keystoneauth",
            "operator_roles": "admin, member",
            "reseller_admin_role": "admin",
        },
        **{f"filter:{name}": {"use": f"egg:swift#{egg}"} for name, egg in FILTERS.items()},
    }
