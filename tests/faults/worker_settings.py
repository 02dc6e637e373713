"""Settings of the workers under faults: as in production, and about six times as hasty."""

from datetime import timedelta

import portal.cloud.openstack.connections
from tests.real.worker_settings import *  # noqa: F403  (Django reads settings from one namespace)

READ_SECONDS = 5
portal.cloud.openstack.connections.CONNECT_AND_READ_SECONDS = (2, READ_SECONDS)
STALL_SECONDS = READ_SECONDS + 1.5
STEP_LEASE = timedelta(seconds=3 * READ_SECONDS)
UNKNOWN_OUTCOME_WAIT = timedelta(seconds=4 * READ_SECONDS)
LATE_ARRIVAL_PAUSE = timedelta(seconds=8 * READ_SECONDS)
