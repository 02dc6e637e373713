"""Neutron's routers and floating IPs without an L3 agent."""

from __future__ import annotations

from typing import Any, Final

from neutron.services.l3_router import l3_router_plugin
from neutron_lib import constants
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.plugins import directory

ROUTER_OWNERS: Final = (constants.DEVICE_OWNER_ROUTER_INTF, constants.DEVICE_OWNER_ROUTER_GW)


class AgentlessRouterPlugin(l3_router_plugin.L3RouterPlugin):  # type: ignore[misc]
    """The stock plug-in, plus the changes of status that an agent would have reported."""

    def __init__(self) -> None:
        super().__init__()
        for event in (events.AFTER_CREATE, events.AFTER_UPDATE):
            registry.subscribe(self._router_port_up, resources.PORT, event)

    @staticmethod
    def _router_port_up(resource: str, event: str, trigger: object, payload: Any) -> None:
        port = payload.latest_state
        if (
            port
            and port.get("device_owner") in ROUTER_OWNERS
            and port.get("status") != constants.PORT_STATUS_ACTIVE
        ):
            directory.get_plugin().update_port_status(
                payload.context.elevated(), port["id"], constants.PORT_STATUS_ACTIVE
            )

    def create_floatingip(self, context: Any, floatingip: Any, *args: Any, **kwargs: Any) -> Any:
        made = super().create_floatingip(context, floatingip, *args, **kwargs)
        return self._with_status(context, made)

    def update_floatingip(self, context: Any, id: str, floatingip: Any) -> Any:
        return self._with_status(context, super().update_floatingip(context, id, floatingip))

    def _with_status(self, context: Any, floatingip: Any) -> Any:
        wanted = (
            constants.FLOATINGIP_STATUS_ACTIVE
            if floatingip.get("port_id")
            else constants.FLOATINGIP_STATUS_DOWN
        )
        if floatingip.get("status") != wanted:
            self.update_floatingip_status(context.elevated(), floatingip["id"], wanted)
            floatingip["status"] = wanted
        return floatingip
