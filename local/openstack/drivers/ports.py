"""Binding of Neutron's ports without an agent on any host."""

from __future__ import annotations

from typing import Any

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class AgentlessMechanismDriver(api.MechanismDriver):  # type: ignore[misc]
    """Binds every port that has a host to the first segment of its network, ACTIVE at once."""

    def initialize(self) -> None:
        """Nothing to connect to."""

    def bind_port(self, context: Any) -> None:
        segment = context.segments_to_bind[0]
        context.set_binding(
            segment[api.ID],
            portbindings.VIF_TYPE_OVS,
            {portbindings.CAP_PORT_FILTER: True},
            status=constants.PORT_STATUS_ACTIVE,
        )

    @property
    def connectivity(self) -> str:
        return str(portbindings.CONNECTIVITY_L2)
