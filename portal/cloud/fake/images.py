"""Images of servers in the fake cloud."""

from __future__ import annotations

from portal.cloud.fake.memory import Thing, asked
from portal.cloud.fake.projects import FakeProjects
from portal.cloud.ports import CloudObject, CloudRefused, CopySpec

KEEPABLE = frozenset({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"})


class FakeImages(FakeProjects):
    @asked
    def find_images(self, project: str, marker: str) -> list[CloudObject]:
        return self.found("image", project, marker)

    @asked
    def create_image(self, project: str, spec: CopySpec, marker: str) -> CloudObject:
        server = self.get("server", project, spec.of_id)
        if server.status not in KEEPABLE or server.details["task_state"]:
            raise self.busy(f"server {server.id} is {server.status}")
        server.details["task_state"] = "image_snapshot"
        image = self.add(
            "image",
            project,
            spec.name,
            marker,
            of_id=server.id,
            min_disk_gib=0,
            min_memory_mib=0,
            size_gib=0,
        )
        image.status = "QUEUED"

        def settle() -> None:
            server.details["task_state"] = ""
            image.status, image.details["size_gib"] = "ACTIVE", 1

        self.settle_later(image, settle)
        # Nova answers with the id alone; the rest is told by the next listing.
        return CloudObject(id=image.id, name=image.name, status="QUEUED", marker=marker)

    @asked
    def delete_image(self, project: str, image_id: str) -> None:
        image = self.get("image", project, image_id)
        self._let_go(image)
        del self.things[image.id]

    @asked
    def list_images(self, project: str) -> list[CloudObject]:
        return self.polled(self.of("image", project))

    def check_image(self, project: str, image_id: str) -> None:
        """Raise CloudRefused unless everybody, or the project, has it and it is ready."""
        offered = any(image_id in {item.id, item.name} for item in self.inventory.images)
        own = any(
            image.id == image_id and image.status == "ACTIVE" for image in self.of("image", project)
        )
        if not offered and not own:
            raise self.refusal(CloudRefused, 400, f"image {image_id} could not be found")

    def _let_go(self, image: Thing) -> None:
        """Nova stops making what is deleted meanwhile."""
        server = self.things.get(str(image.details["of_id"]))
        if image.status == "QUEUED" and server is not None:
            server.details["task_state"] = ""
