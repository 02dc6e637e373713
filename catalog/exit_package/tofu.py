"""Blocks of OpenTofu, and the document that they make: JSON, which ``tofu`` and Terraform read.

Source: OpenTofu documentation, "JSON Configuration Syntax". Text that somebody typed is never
read as an expression: only ``Ref`` and ``Variable`` become one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from catalog.exit_package.things import Thing

# For which version of the provider the blocks are written; ``tofu_schema`` knows the same one.
PROVIDER: Final = {
    "source": "terraform-provider-openstack/openstack",
    "version": "~> 3.0",
}
REQUIRED_VERSION: Final = ">= 1.6"
# What the portal cannot know of another cloud: whoever applies the description fills these in.
VARIABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "external_network": {
        "type": "string",
        "description": "Name of the network of the cloud that leads outside.",
    },
    "image_disk_format": {
        "type": "string",
        "default": "qcow2",
        "description": "Format of the image files that fetch.sh saved: qcow2 or raw.",
    },
}
_UNWRITABLE: Final = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True)
class Ref:
    """An attribute of another block: ``${openstack_networking_port_v2.web.id}``."""

    type: str
    name: str
    attribute: str = "id"
    is_data: bool = False

    @property
    def address(self) -> str:
        """The block that it refers to, as ``depends_on`` names it."""
        return f"{'data.' if self.is_data else ''}{self.type}.{self.name}"

    def __str__(self) -> str:
        return f"${{{self.address}.{self.attribute}}}"


@dataclass(frozen=True)
class Variable:
    """A value that whoever applies it gives: ``${var.external_network}``."""

    name: str

    def __str__(self) -> str:
        return f"${{var.{self.name}}}"


@dataclass(frozen=True)
class Block:
    """Something to be made, or (``is_data``) looked up in the cloud.

    Attributes:
        attributes: by name; None is left out. A nested block is a list of mappings. Text stays
            text, whatever is in it.
        after: what must be there first, where no attribute says so.
    """

    type: str
    name: str
    attributes: Mapping[str, Any]
    is_data: bool = False
    after: Sequence[Ref] = ()

    def ref(self, attribute: str = "id") -> Ref:
        return Ref(self.type, self.name, attribute, self.is_data)


def block_name(thing: Thing, part: str = "") -> str:
    """The name of the block of a thing, or of one part of it; no two things have the same."""
    words = [thing.name, thing.public_id.replace("-", "")[:8], part]
    return local_name(thing.kind, *filter(None, words))


def local_name(kind: str, *words: str) -> str:
    """A name that OpenTofu takes: letters, digits, hyphens and underscores, after a letter.

    What had to be written otherwise ends with a digest, so that two texts never become one name.
    """
    text = "_".join([kind, *words])
    name = _UNWRITABLE.sub("_", text)
    return name if name == text else f"{name}_{sha256(text.encode()).hexdigest()[:8]}"


def distinct(blocks: Sequence[Block]) -> list[Block]:
    """The blocks, each once. Of two by one name the first holds.

    Several things share what a project has once, e.g. its router; the cloud made that as the first
    of them needed it.
    """
    found: dict[tuple[bool, str, str], Block] = {}
    for block in blocks:
        found.setdefault((block.is_data, block.type, block.name), block)
    return list(found.values())


def as_tf_json(blocks: Sequence[Block]) -> dict[str, Any]:
    """The document ``main.tf.json`` that describes the blocks, in an order that never changes."""
    once = sorted(distinct(blocks), key=lambda block: (block.type, block.name))
    document: dict[str, Any] = {
        "terraform": {
            "required_version": REQUIRED_VERSION,
            "required_providers": {"openstack": dict(PROVIDER)},
        },
        "provider": {"openstack": {}},
    }
    used = {name for block in once for name in _variables_in(block.attributes)}
    if used:
        document["variable"] = {name: dict(VARIABLES[name]) for name in sorted(used)}
    for section, is_data in (("data", True), ("resource", False)):
        of_section = [block for block in once if block.is_data == is_data]
        if of_section:
            document[section] = _by_type(of_section)
    return document


def _by_type(blocks: Sequence[Block]) -> dict[str, Any]:
    section: dict[str, Any] = {}
    for block in blocks:
        body = _written(block.attributes)
        if block.after:
            body["depends_on"] = sorted({ref.address for ref in block.after})
        section.setdefault(block.type, {})[block.name] = body
    return section


def _written(value: Any) -> Any:
    """A value as JSON: expressions where they are meant, and none in what somebody typed."""
    if isinstance(value, Ref | Variable):
        return str(value)
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items() if item is not None}
    if isinstance(value, Sequence):
        return [_written(item) for item in value]
    return value


def _variables_in(value: Any) -> Iterator[str]:
    if isinstance(value, Variable):
        yield value.name
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _variables_in(item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            yield from _variables_in(item)
