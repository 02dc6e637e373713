"""A hypervisor for Nova that runs nothing and remembers what it should be running."""

from __future__ import annotations

import io
import time
from typing import Any

from nova import exception
from nova.compute import power_state, task_states
from nova.image import glance
from nova.virt import fake, hardware

from local.openstack.drivers import trouble

SNAPSHOT_CONTENT = b"the disk of a server that never ran"


class PretendingDriver(fake.FakeDriverWithoutFakeNodes):  # type: ignore[misc]
    """Nova's own fake driver, except that it survives a restart and can be asked to fail.

    The stock driver forgets every server when the process ends, so Nova would find them all
    missing and stop them. And it leaves snapshots queued for ever; here Glance gets real bytes.
    """

    def init_host(self, host: str) -> None:
        self._host = host
        self._set_nodes([host])

    def get_host_ip_addr(self) -> str:
        return "127.0.0.1"

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        self._remember(instance)
        return hardware.InstanceInfo(state=self.instances[instance.uuid].state)

    def spawn(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        _maybe_fail(instance, "spawn")
        time.sleep(trouble.spawn_seconds(instance.metadata))
        super().spawn(context, instance, *args, **kwargs)

    def reboot(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        _maybe_fail(instance, "reboot")
        self._remember(instance)
        super().reboot(context, instance, *args, **kwargs)

    def power_on(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        self._remember(instance)
        super().power_on(context, instance, *args, **kwargs)

    def power_off(self, instance: Any, *args: Any, **kwargs: Any) -> None:
        self._remember(instance)
        super().power_off(instance, *args, **kwargs)

    def unrescue(self, context: Any, instance: Any) -> None:
        self._remember(instance)
        super().unrescue(context, instance)

    def migrate_disk_and_power_off(
        self, context: Any, instance: Any, *args: Any, **kwargs: Any
    ) -> Any:
        _maybe_fail(instance, "resize")
        return super().migrate_disk_and_power_off(context, instance, *args, **kwargs)

    def snapshot(self, context: Any, instance: Any, image_id: str, update_task_state: Any) -> None:
        _maybe_fail(instance, "snapshot")
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        images = glance.API()
        facts = {
            "name": images.get(context, image_id)["name"],
            "disk_format": "raw",
            "container_format": "bare",
            "properties": {},
        }
        content = io.BytesIO(SNAPSHOT_CONTENT)
        images.update(context, image_id, facts, content, purge_props=False)

    def _remember(self, instance: Any) -> None:
        """Take a server of an earlier process for what Nova last knew of it."""
        if instance.uuid not in self.instances:
            state = instance.power_state
            self.instances[instance.uuid] = fake.FakeInstance(
                instance.name, power_state.RUNNING if state is None else state, instance.uuid
            )


def _maybe_fail(instance: Any, step: str) -> None:
    if trouble.fails_at(instance.metadata, step):
        raise exception.NovaException(f"this server was asked to fail at {step}")
