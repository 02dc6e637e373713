"""In which network something stands: one of the offering, or a private one of the project.

The answer to ``network`` is then the private network's public id, and ``network_cidr`` says which
range it had when that was ordered. A blueprint wires what ``OwnNetwork`` writes instead.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Spec
from catalog.kinds.choices import Lines
from catalog.kinds.parameters import Option, Parameter, Text, Widget
from catalog.models import OfferingVersion, Resource
from portal.core.errors import InvalidInput
from portal.core.text import clean_text

LARGEST: Final = 16  # prefix lengths: 65,536 addresses …
SMALLEST: Final = 29  # … to 8, of which OpenStack itself takes a few
# RFC 1918 and RFC 6598; what lies outside would hide a part of the internet from the project.
PRIVATE: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
LABEL_LENGTH: Final = 80
QUESTION: Final = "network"
CIDR: Final = "network_cidr"  # key of the spec; there where the network is one of the project
KIND: Final = "network"
RESULT: Final = "network"  # what a private network has for others


@dataclass(frozen=True)
class OwnNetwork:
    """A private network of the project itself, as a spec keeps it instead of an offered one."""

    openstack_id: str
    cidr: str

    def __str__(self) -> str:
        return f"{self.openstack_id} {self.cidr}"


def own_network(value: str) -> OwnNetwork | None:
    """The private network that a spec names; None when it names one that the offering has."""
    openstack_id, space, cidr = value.partition(" ")
    return OwnNetwork(openstack_id, cidr) if space else None


def _own_network_in_words(value: str) -> str:
    network = own_network(value)
    return network.cidr if network else value


def network_parameter(version: OfferingVersion, *, section: Text) -> Parameter:
    """The question in which network; ``choices["networks"]``: [{"name", "label_nl", "label_en",
    "cidr"}]."""
    networks: list[Mapping[str, str]] = version.choices["networks"]
    return Parameter(
        name=QUESTION,
        label=_("Network"),
        widget=Widget.SELECT,
        section=section,
        hint=_(
            "You can also choose a private network of this project. It cannot be cleaned up before "
            "what stands in it."
        ),
        options=[_option(network) for network in networks],
        default=networks[0]["name"],
        of_kinds=[KIND],
        is_own_only=False,
        is_needed=True,
        takes=RESULT,
        taken_in_words=_own_network_in_words,
    )


def in_own_network(spec: Spec, sources: Mapping[str, Resource]) -> dict[str, Any]:
    """The spec with the range of the private network that it names, if it names one.

    Raises:
        InvalidInput: that range is not known: the network was found in the cloud.
    """
    network = sources.get(QUESTION)
    if network is None:
        return dict(spec)
    if not network.spec["cidr"]:
        text = gettext("Cloudloket does not know which addresses {name} has. Choose another one.")
        raise InvalidInput({QUESTION: [text.format(name=network.name)]})
    return {**spec, CIDR: network.spec["cidr"]}


def _option(network: Mapping[str, str]) -> Option:
    label = network["label_en"] if get_language() == "en" else network["label_nl"]
    return Option(value=network["name"], label=label, hint=network["cidr"])


def checked_range(text: str) -> str:
    """The range as OpenStack writes it.

    Raises:
        ValueError: with a message for the person who typed it.
    """
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(gettext("Write a range such as 192.168.10.0/24.")) from error
    if not LARGEST <= network.prefixlen <= SMALLEST:
        raise ValueError(
            gettext("Choose a size from /{largest} to /{smallest}.").format(
                largest=LARGEST, smallest=SMALLEST
            )
        )
    if not any(network.subnet_of(private) for private in PRIVATE):
        raise ValueError(
            gettext("Choose within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10.")
        )
    return str(network)


def _checked_network(row: Mapping[str, str]) -> dict[str, str]:
    """One network as an offering keeps it.

    Raises:
        ValueError: with a message for the person who typed it.
    """
    if not re.fullmatch("[a-z][a-z0-9-]{0,39}", row["name"]):
        raise ValueError(gettext("Use a to z, 0 to 9 and hyphens in a name."))
    labels = {
        name: clean_text(row[name], max_length=LABEL_LENGTH) for name in ("label_nl", "label_en")
    }
    if not all(labels.values()):
        raise ValueError(gettext("Write words in both languages."))
    return {"name": row["name"], **labels, "cidr": checked_range(row["cidr"])}


# They are made in every project that orders something, by these names; so no cloud has a list.
NETWORKS: Final = Lines(
    name="networks",
    label=_("Networks"),
    hint=_("One on a line: name; Dutch words; English words; range of addresses."),
    columns=("name", "label_nl", "label_en", "cidr"),
    check=_checked_network,
)
