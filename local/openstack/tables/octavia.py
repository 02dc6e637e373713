"""Octavia's tables, and the authority that would sign for its load balancers."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.openstack.arguments import site_from_arguments
from local.openstack.configuration.files import write_text

LIFETIME = datetime.timedelta(days=3650)


def _make_authority(folder: Path, passphrase: str) -> None:
    """Write ``ca.key`` and ``ca.pem``: Octavia does not start without, whatever its drivers."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Local load balancers")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    sealed_key = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    write_text(folder / "ca.key", sealed_key.decode())
    write_text(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM).decode())


def _make_tables() -> None:
    """Make the tables from the models: the migrations run on MySQL only."""
    from octavia.common import constants
    from octavia.db import api, base_models, models

    names_of = {
        models.ProvisioningStatus: constants.SUPPORTED_PROVISIONING_STATUSES,
        models.HealthMonitorType: constants.SUPPORTED_HEALTH_MONITOR_TYPES,
        models.Algorithm: constants.SUPPORTED_LB_ALGORITHMS,
        models.Protocol: constants.SUPPORTED_PROTOCOLS,
        models.OperatingStatus: constants.SUPPORTED_OPERATING_STATUSES,
        models.SessionPersistenceType: constants.SUPPORTED_SP_TYPES,
        models.AmphoraRoles: constants.SUPPORTED_AMPHORA_ROLES,
        models.LBTopology: constants.SUPPORTED_LB_TOPOLOGIES,
        models.VRRPAuthMethod: constants.SUPPORTED_VRRP_AUTH,
        models.L7RuleType: constants.SUPPORTED_L7RULE_TYPES,
        models.L7RuleCompareType: constants.SUPPORTED_L7RULE_COMPARE_TYPES,
        models.L7PolicyAction: constants.SUPPORTED_L7POLICY_ACTIONS,
        models.ClientAuthenticationMode: constants.SUPPORTED_CLIENT_AUTH_MODES,
    }
    base_models.BASE.metadata.create_all(api.get_engine())
    session = api.get_session()
    with session.begin():
        if session.query(models.ProvisioningStatus).count():
            return
        session.add_all(model(name=name) for model, names in names_of.items() for name in names)
        session.flush()
        _add_placeholders(session)


def _add_placeholders(session: Any) -> None:
    """Add the rows that load balancers point at whose flavor or zone was deleted."""
    from octavia.common import constants
    from octavia.db import models

    placeholder = {"id": constants.NIL_UUID, "name": "DELETED-PLACEHOLDER"}
    rows = (
        models.FlavorProfile(**placeholder, provider_name=constants.DELETED, flavor_data="{}"),
        models.Flavor(**placeholder, flavor_profile_id=constants.NIL_UUID, enabled=False),
        models.AvailabilityZoneProfile(
            **placeholder, provider_name=constants.DELETED, availability_zone_data="{}"
        ),
    )
    for row in rows:
        session.add(row)
        session.flush()


def main() -> None:
    site = site_from_arguments()
    folder = site.configuration("octavia")
    if not (folder / "ca.pem").exists():
        _make_authority(folder, site.password("octavia-authority"))
    from octavia.common import config

    config.init(["--config-file", str(folder / "octavia.conf")])
    _make_tables()


main()
