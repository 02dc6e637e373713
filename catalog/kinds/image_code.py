"""In OpenTofu: an image of the project, from the file as which it was fetched."""

from __future__ import annotations

from typing import Final

from catalog.exit_package.fetching import image_file
from catalog.exit_package.things import Thing
from catalog.exit_package.tofu import Block, Variable, block_name
from catalog.kinds.own_images import MEMORY, SIZE
from catalog.kinds.steps.chosen_image import PART

# From the folder of a description to the folder of the package, in which fetch.sh saves.
_UP: Final = "../.."


def image_block(made: Thing) -> Block:
    return Block(
        "openstack_images_image_v2",
        block_name(made),
        {
            "name": made.name,
            "container_format": "bare",
            "disk_format": Variable("image_disk_format"),
            "local_file_path": f"{_UP}/{image_file(made.cloud_ids[PART])}",
            "min_disk_gb": made.spec[SIZE],
            "min_ram_mb": made.spec[MEMORY],
        },
    )
