"""Django's settings. What differs between places is in the environment: docs/configuration.md."""

import sys

from django.core.exceptions import ImproperlyConfigured

try:
    from portal.settings.base import *  # noqa: F403  (Django reads settings from one namespace)
except ImproperlyConfigured as error:
    sys.exit(f"cloudloket: {error}")
