"""A requester at the order form, and a complete set of answers."""

from uuid import uuid4

import pytest

from tests.logins import log_in


@pytest.fixture
def browser(client, requester, version):
    log_in(client, requester)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def answers(project):
    return {
        "idempotency_key": str(uuid4()),
        "project": str(project.public_id),
        "cards_for": str(project.public_id),
        "name": "zaak-app-01",
        "purpose": "Piek in november",
        "flavor": "gp.small",
        "image": "Debian 12",
        "network": "intern",
        "volume_gib": "40",
        "ssh_public_key": "",
        "end_date": "",
    }
