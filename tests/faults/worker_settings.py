"""Settings of the workers under faults: as in production, and about six times as hasty.

Only for Django to load in a worker: whoever else imports this becomes as hasty.
"""

from datetime import timedelta

import portal.cloud.openstack.connections
from tests.faults.patience import READ_SECONDS
from tests.real.worker_settings import *  # noqa: F403  (Django reads settings from one namespace)

portal.cloud.openstack.connections.CONNECT_AND_READ_SECONDS = (2, READ_SECONDS)
STEP_LEASE = timedelta(seconds=3 * READ_SECONDS)
UNKNOWN_OUTCOME_WAIT = timedelta(seconds=4 * READ_SECONDS)
LATE_ARRIVAL_PAUSE = timedelta(seconds=8 * READ_SECONDS)
