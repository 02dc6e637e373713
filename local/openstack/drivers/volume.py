"""A volume back end for Cinder that stores nothing."""

from __future__ import annotations

import io
from typing import Any, Final

from cinder import exception, interface
from cinder.volume import driver

from local.openstack.drivers import trouble

CAPACITY_GIB: Final = 100_000
IMAGE_CONTENT: Final = b"the content of a volume that was never stored"


@interface.volumedriver  # type: ignore[untyped-decorator]
class PretendingVolumeDriver(driver.VolumeDriver):  # type: ignore[misc]
    """Every call succeeds at once, except for what has ``fail`` in its name."""

    VERSION = "1.0"

    def do_setup(self, context: Any) -> None:
        """Nothing to connect to."""

    def check_for_setup_error(self) -> None:
        """Nothing that could be missing."""

    def create_volume(self, volume: Any) -> None:
        _maybe_fail(volume)

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        _maybe_fail(volume)

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        _maybe_fail(volume)

    def clone_image(
        self, context: Any, volume: Any, image_location: Any, image_meta: Any, image_service: Any
    ) -> tuple[dict[str, object], bool]:
        _maybe_fail(volume)
        return {}, True

    def copy_image_to_volume(
        self,
        context: Any,
        volume: Any,
        image_service: Any,
        image_id: str,
        disable_sparse: bool = False,
    ) -> None:
        """The content is nowhere to be kept."""

    def copy_volume_to_image(
        self, context: Any, volume: Any, image_service: Any, image_meta: Any
    ) -> None:
        image_service.update(context, image_meta["id"], {}, io.BytesIO(IMAGE_CONTENT))

    def create_snapshot(self, snapshot: Any) -> None:
        _maybe_fail(snapshot)

    def delete_volume(self, volume: Any) -> None:
        """Nothing was stored."""

    def delete_snapshot(self, snapshot: Any) -> None:
        """Nothing was stored."""

    def revert_to_snapshot(self, context: Any, volume: Any, snapshot: Any) -> None:
        """Nothing was stored."""

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """There is always room."""

    def retype(
        self, context: Any, volume: Any, new_type: Any, diff: Any, host: Any
    ) -> tuple[bool, None]:
        return True, None

    def ensure_export(self, context: Any, volume: Any) -> None:
        """Nobody connects to a volume."""

    def create_export(self, context: Any, volume: Any, connector: Any) -> None:
        """Nobody connects to a volume."""

    def remove_export(self, context: Any, volume: Any) -> None:
        """Nobody connects to a volume."""

    def initialize_connection(self, volume: Any, connector: Any, **_: Any) -> dict[str, object]:
        return {
            "driver_volume_type": "fake",
            "data": {"volume_id": volume.id, "access_mode": "rw"},
        }

    def terminate_connection(self, volume: Any, connector: Any, **_: Any) -> None:
        """Nobody connects to a volume."""

    def _update_volume_stats(self) -> None:
        self._stats = {
            "volume_backend_name": self.configuration.safe_get("volume_backend_name"),
            "vendor_name": "Cloudloket",
            "driver_version": self.VERSION,
            "storage_protocol": "none",
            "QoS_support": False,
            "multiattach": True,
            "online_extend_support": True,
            "total_capacity_gb": CAPACITY_GIB,
            "free_capacity_gb": CAPACITY_GIB,
            "provisioned_capacity_gb": 0,
            "reserved_percentage": 0,
            "thin_provisioning_support": True,
            "max_over_subscription_ratio": 100,
        }


def _maybe_fail(volume_or_snapshot: Any) -> None:
    if trouble.fails_by_name(volume_or_snapshot.display_name):
        raise exception.VolumeBackendAPIException(data="its name asks for failure")
