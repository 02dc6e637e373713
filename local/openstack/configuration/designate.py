"""Designate: DNS zones that no name server answers for."""

from __future__ import annotations

import shutil

from local.openstack.configuration.common import base, token_check
from local.openstack.configuration.files import write_ini, write_text
from local.openstack.site import HOST, Site

POOLS = """\
- name: default
  description: No name server is asked; a zone counts as served once it is stored.
  attributes: {}
  ns_records:
    - hostname: ns1.cloudloket.example.
      priority: 1
  nameservers:
    - host: 127.0.0.1
      port: 53
  targets:
    - type: fake
      description: Stores nothing.
      masters:
        - host: 127.0.0.1
          port: 5354
      options: {}
"""


def write(site: Site) -> None:
    """Write ``designate.conf``, ``pools.yaml`` and ``api-paste.ini``.

    Designate 22 does not run on PostgreSQL: its UUID columns come back as ``uuid.UUID``, which its
    own code cannot take. It has an SQLite file of its own.
    """
    folder = site.configuration("designate")
    state = site.state("designate")
    sections = base(site, "designate")
    sections["DEFAULT"]["host"] = HOST
    sections |= {
        "storage:sqlalchemy": {"connection": f"sqlite:///{state}/designate.sqlite?timeout=60"},
        "service:api": {
            "auth_strategy": "keystone",
            "enable_api_v2": True,
            "enable_host_header": True,
            "api_base_uri": f"{site.layout.url('designate')}/",
        },
        "service:worker": {
            "notify": False,
            "poll_delay": 0,
            "poll_retry_interval": 1,
            "poll_max_retries": 3,
        },
        "service:central": {"managed_resource_email": "dns@cloudloket.example"},
        "heartbeat_emitter": {"emitter_type": "noop"},
        "coordination": {"backend_url": state.as_uri()},
        "keystone_authtoken": token_check(site, "designate"),
    }
    write_ini(folder / "designate.conf", sections)
    write_text(folder / "pools.yaml", POOLS)
    shutil.copyfile(site.shipped("designate") / "api-paste.ini", folder / "api-paste.ini")
