"""The settings themselves, in Django's own names."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from celery.schedules import crontab
from django.utils.translation import gettext_lazy as _
from kombu import Exchange, Queue

from billing.ledger.settings_file import read_ledger
from portal.core import configuration
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.demand import Demand
from portal.identity.oidc.provider_file import read_providers

BASE_DIR: Final = Path(__file__).resolve().parents[2]
DEBUG = False
DEMO = os.environ.get("CLOUDLOKET_DEMO") == "1"

PUBLIC_URL = configuration.public_url("CLOUDLOKET_PUBLIC_URL")
ALLOWED_HOSTS = [PUBLIC_URL.host]
SECRET_KEY = configuration.read_secret("CLOUDLOKET_SECRET_KEY_FILE", at_least=50)
AUDIT_KEY = configuration.read_hex_key("CLOUDLOKET_AUDIT_KEY_FILE", length=32)
ENCRYPTION_KEYS = configuration.read_versioned_keys("CLOUDLOKET_ENCRYPTION_KEY_FILE")
OIDC_PROVIDERS = read_providers(
    configuration.require("CLOUDLOKET_OIDC_FILE"),
    variable="CLOUDLOKET_OIDC_FILE",
    allow_loopback=DEMO or not PUBLIC_URL.is_secure,
)
CLOUDS = configuration.cloud_names(
    "CLOUDLOKET_CLOUDS",
    file_variable="OS_CLIENT_CONFIG_FILE",
    may_be_absent="CLOUDLOKET_STACK_HOME" in os.environ,  # ./run writes it while its cloud starts
)
# A mailto: or https: address for who finds a weakness; shown in security.txt (RFC 9116).
SECURITY_CONTACT = os.environ.get("CLOUDLOKET_SECURITY_CONTACT", "")
# Where users of the interface for programs can ask something; stands in its description.
CONTACT_EMAIL = os.environ.get("CLOUDLOKET_CONTACT_EMAIL", f"servicedesk@{PUBLIC_URL.host}")
# Who may say, in X-Forwarded-For, for whom a request is made.
TRUSTED_PROXIES = configuration.networks(
    "CLOUDLOKET_TRUSTED_PROXIES", default="127.0.0.0/8, ::1/128"
)
# What people call the networks they work from: shown beside their sessions.
NETWORK_NAMES = configuration.network_names("CLOUDLOKET_NETWORK_NAMES")
# Emergency access when nobody can log in any more: docs/runbooks/break-glass.md.
BREAK_GLASS = os.environ.get("CLOUDLOKET_BREAK_GLASS") == "1"
# Years that the audit trail is kept: three at least (BIO2 5.28.01).
AUDIT_RETENTION_YEARS = configuration.whole_number(
    "CLOUDLOKET_AUDIT_RETENTION_YEARS", default=7, at_least=3
)
# Code of the organization whose operators and quota administrators govern the catalogue. Without
# it nobody does: docs/adr/0017-who-governs-the-catalogue.md.
CATALOGUE_ORGANIZATION = os.environ.get("CLOUDLOKET_CATALOGUE_ORGANIZATION", "").strip()
# How the ledger wants its journal lines: docs/ledger.md.
LEDGER = read_ledger(
    os.environ.get("CLOUDLOKET_LEDGER_FILE", "").strip(), variable="CLOUDLOKET_LEDGER_FILE"
)
STACK_STATUS_FILE = os.environ.get("CLOUDLOKET_STACK_STATUS_FILE", "")

# --- applications ------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "mozilla_django_oidc",
    "rest_framework",
    "drf_spectacular",
    "portal.audit",
    "portal.identity",
    "portal.cloud",
    "portal.web",
    "billing",
    "catalog",
]
MIDDLEWARE = [
    "portal.core.origin.OriginMiddleware",
    "portal.web.security.SecurityHeadersMiddleware",
    "portal.core.api.ApiMiddleware",
    "portal.core.encoding.Utf8Middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.identity.refusals.RefusalTrailMiddleware",
    "portal.identity.middleware.SessionLimitMiddleware",
    "portal.identity.middleware.LoginMiddleware",
    "portal.identity.oidc.confinement.ConfinedLoginMiddleware",
    "portal.identity.middleware.GrantsReadOnceMiddleware",
    "portal.identity.middleware.LoginStrengthMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.web.middleware.HtmxVaryMiddleware",
    "portal.web.middleware.WrongMethodMiddleware",
    "portal.web.middleware.BusyMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "portal.web.context.shell",
            ],
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "portal.web.templatetags.cloudloket",
            ],
        },
    }
]

# --- database ----------------------------------------------------------------------------------

_DATABASE_VARIABLE = (
    "CLOUDLOKET_DATABASE_OWNER_URL"
    if os.environ.get("CLOUDLOKET_AS_DATABASE_OWNER") == "1"
    else "CLOUDLOKET_DATABASE_URL"
)
DATABASES = {
    "default": {
        **configuration.database(_DATABASE_VARIABLE),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "options": "-c lock_timeout=4000 -c idle_in_transaction_session_timeout=60000",
            "prepare_threshold": 5,  # docs/adr/0034-statements-that-are-prepared.md
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ------------------------------------------------------------------------------------

AUTH_USER_MODEL = "identity.Person"
AUTHENTICATION_BACKENDS = ["portal.identity.oidc.backend.OidcBackend"]
if BREAK_GLASS:
    AUTHENTICATION_BACKENDS.append("portal.identity.break_glass.BreakGlassBackend")
# People have no passwords here; only that of emergency access is kept, for minutes.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
LOGIN_URL = "identity:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
# What an act that binds somebody else asks of the login behind it: portal/identity/sensitive.py.
SENSITIVE_LOGIN = Demand(level=Assurance.SUBSTANTIAL, max_age=15 * 60)
ABSENT_AFTER = timedelta(days=90)  # without a login; then the roles that the portal gave end
SESSION_ENGINE = "portal.identity.session_store"
SESSION_COOKIE_AGE = int(timedelta(hours=10).total_seconds())  # absolute: never renewed
SESSION_IDLE_SECONDS = int(timedelta(hours=1).total_seconds())
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no cookie of its own
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # the identity provider redirects back with a GET
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal.web.views.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.is_secure
_COOKIE_PREFIX = "__Host-" if PUBLIC_URL.is_secure else "cloudloket-"
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}session"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrf"
LANGUAGE_COOKIE_NAME = f"{_COOKIE_PREFIX}language"
LANGUAGE_COOKIE_SECURE = PUBLIC_URL.is_secure
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"

# --- transport ---------------------------------------------------------------------------------

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC_URL.is_secure else None
SECURE_SSL_REDIRECT = PUBLIC_URL.is_secure
SECURE_REDIRECT_EXEMPT = [r"^health/"]  # asked behind the proxy, without TLS
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if PUBLIC_URL.is_secure else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PUBLIC_URL.is_secure
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes; the largest form is a few kB
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
APPEND_SLASH = False

# --- language, time, files ---------------------------------------------------------------------

LANGUAGE_CODE = "nl"
LANGUAGES = [("nl", _("Dutch")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Europe/Amsterdam"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- money -------------------------------------------------------------------------------------
# What orders will cost budgets: billing knows nothing of orders, so it finds this by name.
PROMISED_COSTS = "catalog.services.order_costs.promised_costs"

# --- work in the background --------------------------------------------------------------------

CELERY_BROKER_URL = configuration.broker_url("CLOUDLOKET_BROKER_URL")
_IS_RABBITMQ = CELERY_BROKER_URL.startswith("amqp")
_QUEUE_TYPE = {"x-queue-type": "quorum"} if _IS_RABBITMQ else {}
# RabbitMQ itself holds back what is sent with a delay: by topic, and for a second or longer. A
# worker that had to would take nothing else meanwhile (quorum queues fix what it may hold).
_EXCHANGE = Exchange("cloudloket", type="topic" if _IS_RABBITMQ else "direct")
SHORTEST_DELAY = timedelta(seconds=1 if _IS_RABBITMQ else 0)
CELERY_TASK_QUEUES = [
    Queue(name, _EXCHANGE, routing_key=name, queue_arguments=_QUEUE_TYPE)
    for name in ("interactive", "bulk", "billing")
]
CELERY_TASK_DEFAULT_QUEUE = "interactive"
CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum" if _IS_RABBITMQ else "classic"
CELERY_WORKER_DETECT_QUORUM_QUEUES = _IS_RABBITMQ
# Seconds; a lost doorbell is found by the sweep, and a person must not wait. Also for a queue's
# word that it has the message: a quorum queue without a leader never gives it.
BROKER_TIMEOUT = 2
CELERY_BROKER_CONNECTION_TIMEOUT = BROKER_TIMEOUT
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "max_retries": 1,
    "interval_start": 0,
    "connect_retries_timeout": BROKER_TIMEOUT,
    **(
        {"confirm_publish": True}
        if _IS_RABBITMQ
        else {
            "visibility_timeout": 3600,  # longer than any task, or Valkey delivers it twice
            "socket_timeout": 2 * BROKER_TIMEOUT,
            "socket_connect_timeout": BROKER_TIMEOUT,
        }
    ),
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
# Celery would open a connection to the database for each task, and PostgreSQL a process for that,
# which looks every table up anew: half of what a short task costs. ``portal.celery`` checks it.
CELERY_DB_REUSE_MAX = 1_000  # tasks
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 110  # seconds
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# After a lost connection Celery lets a worker take less until its running tasks end; on a quorum
# queue, whose prefetch cannot be changed any more, that would last until the worker stops.
CELERY_WORKER_ENABLE_PREFETCH_COUNT_REDUCTION = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = os.environ.get(
    "CLOUDLOKET_BEAT_SCHEDULE_FILE", "celerybeat-schedule"
)
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "sweep": {"task": "catalog.sweep", "schedule": 5.0},
    "sync-inventory": {"task": "catalog.sync_inventory", "schedule": 60.0},
    "look-for-drift": {
        "task": "catalog.look_for_drift",
        "schedule": 60.0,
        "options": {"queue": "bulk"},
    },
    "mind-end-dates": {
        "task": "catalog.mind_end_dates",
        "schedule": 60.0,
        "options": {"queue": "bulk"},
    },
    "withdraw-access": {"task": "catalog.withdraw_access", "schedule": 30.0},
    "turn-limits": {"task": "catalog.turn_limits", "schedule": 60.0},
    # What a day ended with is read in its last minute.
    "read-quotas": {"task": "catalog.read_quotas", "schedule": crontab(minute="59")},
    "mind-quota-alerts": {
        "task": "catalog.mind_quota_alerts",
        "schedule": crontab(minute="5"),
        "options": {"queue": "bulk"},
    },
    "mind-budget-alerts": {
        "task": "billing.mind_budget_alerts",
        "schedule": crontab(minute="10"),
        "options": {"queue": "bulk"},
    },
    "keep-summaries": {
        "task": "billing.keep_summaries",
        "schedule": 60.0,
        "options": {"queue": "bulk"},
    },
    "take-samples": {
        "task": "billing.take_samples",
        "schedule": crontab(minute="*/5"),  # of each thing once an hour
        "options": {"queue": "bulk"},
    },
    "take-loads": {
        "task": "catalog.take_loads",
        "schedule": crontab(minute="2-59/5"),  # of each server once an hour
        "options": {"queue": "bulk"},
    },
    "make-documents": {
        "task": "billing.make_documents",
        "schedule": 60.0,
        "options": {"queue": "billing"},
    },
    "tend-files": {
        "task": "billing.tend_files",
        "schedule": 60.0,
        "options": {"queue": "billing"},
    },
    "expire-orders": {"task": "catalog.expire_orders", "schedule": 60.0},
    "delete-expired-secrets": {
        "task": "cloud.delete_expired_secrets",
        "schedule": crontab(minute="30"),
    },
    "end-sessions": {"task": "identity.end_sessions", "schedule": 60.0},
    "end-roles-of-removed-providers": {
        "task": "identity.end_roles_of_removed_providers",
        "schedule": 60.0,
    },
    "forget-sessions": {"task": "identity.forget_sessions", "schedule": crontab(minute="45")},
    "tend-access-reviews": {"task": "identity.tend_access_reviews", "schedule": 60.0},
    "expire-role-proposals": {
        "task": "identity.expire_proposals",
        "schedule": crontab(minute="10"),
    },
    "end-absent-people": {
        "task": "identity.end_absent_people",
        "schedule": crontab(hour="4", minute="20"),
    },
    "anchor-audit": {"task": "audit.anchor", "schedule": crontab(minute="0")},
    "write-refusal-tallies": {"task": "audit.write_tallies", "schedule": 60.0},
}
# Beat keeps one connection for good, and only a retry opens it again after the broker was away.
# While no worker comes to it, what it sends would pile up: some of the same is enough.
_ROUNDS_KEPT = 12
for _entry in CELERY_BEAT_SCHEDULE.values():
    _is_often = isinstance(_entry["schedule"], float)
    _entry["options"] = {
        "retry": True,
        "confirm_timeout": BROKER_TIMEOUT,
        **({"expires": _ROUNDS_KEPT * _entry["schedule"]} if _is_often else {}),
        **_entry.get("options", {}),
    }

# --- mail --------------------------------------------------------------------------------------

_MAIL_SERVER = configuration.mail_server("CLOUDLOKET_SMTP_URL")
MAIL_IS_ON = _MAIL_SERVER is not None
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
EMAIL_TIMEOUT = 10  # seconds
if _MAIL_SERVER:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _MAIL_SERVER.host, _MAIL_SERVER.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL_SERVER.user, _MAIL_SERVER.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _MAIL_SERVER.is_encrypted, _MAIL_SERVER.is_upgraded
DEFAULT_FROM_EMAIL = os.environ.get("CLOUDLOKET_MAIL_FROM", f"cloudloket@{PUBLIC_URL.host}")

# --- the engine --------------------------------------------------------------------------------

STEP_LEASE = configuration.duration("CLOUDLOKET_STEP_LEASE_SECONDS", default=timedelta(seconds=90))
CLOUD_STEPS_PER_SECOND = configuration.rates("CLOUDLOKET_CLOUD_STEPS_PER_SECOND", keys=CLOUDS)
UNKNOWN_OUTCOME_WAIT = timedelta(minutes=2)  # how long a create without an answer is looked for
LATE_ARRIVAL_PAUSE = timedelta(minutes=10)  # between two looks for what it may have made later
CREDENTIAL_ACCESS_RULES = (
    configuration.choice("CLOUDLOKET_ACCESS_RULES", default="on", allowed=("on", "off")) == "on"
)
# Reconciliation: what changed so recently is not judged, and one look alone opens nothing.
DRIFT_LOOK_EVERY = configuration.duration(
    "CLOUDLOKET_DRIFT_LOOK_SECONDS", default=timedelta(minutes=10)
)
DRIFT_GRACE = timedelta(minutes=5)
ADOPT_UNMANAGED = (
    configuration.choice(
        "CLOUDLOKET_ADOPT_UNMANAGED", default="after", allowed=("after", "proposed")
    )
    == "after"
)
ADOPT_UNMANAGED_AFTER = configuration.duration(
    "CLOUDLOKET_ADOPT_UNMANAGED_AFTER_SECONDS", default=timedelta(days=1)
)
# Asking clouds how busy servers are; their policy has to let the portal read it: docs/adr/0036.
SERVER_LOADS = (
    configuration.choice("CLOUDLOKET_SERVER_LOADS", default="on", allowed=("on", "off")) == "on"
)
DRIFT_SECOND_LOOK_AFTER = timedelta(minutes=1)
CLOUD_GATEWAY = "portal.cloud.openstack.connect"

# --- interface for programs --------------------------------------------------------------------

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["portal.core.api.SessionLogin"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.core.api.JsonParser"],
    "DEFAULT_FILTER_BACKENDS": ["portal.core.api.QueryFilter"],
    "DEFAULT_PAGINATION_CLASS": "portal.core.api.CursorPages",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.core.problem.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Cloudloket",
    "VERSION": "1.0.0",  # also the header API-Version
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "Order, approve and follow resources of the sovereign government cloud.",
    "SERVE_INCLUDE_SCHEMA": False,
    "CONTACT": {"name": "Cloudloket", "url": PUBLIC_URL.origin, "email": CONTACT_EMAIL},
    "LICENSE": {"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_TRIM": True,
    "SERVERS": [{"url": f"{PUBLIC_URL.origin}/api/v1"}],
    "ENUM_NAME_OVERRIDES": {
        "Advised": "catalog.api.placement.ADVISED",
        "DecisionEnum": "catalog.models.Decision",
        "DecisionState": "portal.identity.models.proposed.DecisionState",
        "DependencyKind": "catalog.api.supplies.DEPENDENCY_KINDS",
        "DifferenceKind": "catalog.models.DifferenceKind",
        "DifferenceState": "catalog.api.drift.TOLD_STATES",
        "EvidenceKind": "catalog.api.placement.EVIDENCE_KINDS",
        "FileKind": "billing.models.FileKind",
        "FileRhythm": "billing.models.FileRhythm",
        "LineKind": "billing.models.LineKind",
        "NodeKind": "portal.identity.models.NodeKind",
        "OperationKind": "catalog.models.OperationKind",
        "OperationState": "catalog.models.OperationState",
        "OrderState": "catalog.models.OrderState",
        "PlacementVerdict": "catalog.models.PlacementVerdict",
        "QuotaDecision": "catalog.api.quota_requests.DECISIONS",
        "RepairAction": "catalog.models.RepairAction",
        "RepairState": "catalog.models.RepairState",
        "ResourceState": "catalog.models.ResourceState",
        "ReviewDecision": "portal.identity.models.ReviewDecision",
        "ReviewScope": "portal.identity.models.ReviewScope",
        "Score": "catalog.api.placement.SCORES",
        "StepState": "catalog.models.StepState",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "portal.core.openapi.describe_problems",
        "catalog.api.schema.describe_specs",
    ],
}

# --- what is written down ----------------------------------------------------------------------

_LOG_LEVEL = configuration.choice(
    "CLOUDLOKET_LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO"
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": _LOG_LEVEL},
}
