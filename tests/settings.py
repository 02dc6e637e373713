"""The portal's own settings with the addresses that ./test hands over.

Without them (type checks, a first look) harmless values stand in, so that the settings load.
"""

import os
from pathlib import Path

_KEYS = Path(__file__).parent / "keys"
for _name, _value in {
    "CLOUDLOKET_PUBLIC_URL": "http://127.0.0.1:8000",
    "CLOUDLOKET_DATABASE_URL": "postgresql://cloudloket:cloudloket@127.0.0.1:5432/cloudloket",
    "CLOUDLOKET_BROKER_URL": "redis://127.0.0.1:6379/0",
    "CLOUDLOKET_SECRET_KEY_FILE": str(_KEYS / "secret-key"),
    "CLOUDLOKET_AUDIT_KEY_FILE": str(_KEYS / "audit-key"),
    "CLOUDLOKET_ENCRYPTION_KEY_FILE": str(_KEYS / "encryption-keys"),
    "CLOUDLOKET_OIDC_FILE": str(_KEYS / "oidc.toml"),
    "CLOUDLOKET_LEDGER_FILE": str(_KEYS / "ledger.toml"),
    "CLOUDLOKET_CLOUDS": "sovereign",
}.items():
    os.environ.setdefault(_name, _value)
if _worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Side by side they would empty each other's queues: gw0 has Valkey's database 1, gw1 has 2.
    _server = os.environ["CLOUDLOKET_BROKER_URL"].rpartition("/")[0]
    os.environ["CLOUDLOKET_BROKER_URL"] = f"{_server}/{int(_worker.removeprefix('gw')) + 1}"

from portal.settings.base import *  # noqa: E402, F403  (Django reads settings from one namespace)

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True  # serves from where the files are: nothing is collected for a test
