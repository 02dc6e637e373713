"""The networks that an offering has for every project: for whatever stands in one of them."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from catalog.kinds.parameters import Option, Parameter, Text, Widget
from catalog.models import OfferingVersion


def network_parameter(version: OfferingVersion, *, section: Text) -> Parameter:
    """The question in which network; ``choices["networks"]``: [{"name", "label_nl", "label_en",
    "cidr"}]."""
    networks: list[Mapping[str, str]] = version.choices["networks"]
    return Parameter(
        name="network",
        label=_("Network"),
        widget=Widget.SELECT,
        section=section,
        options=[_option(network) for network in networks],
        default=networks[0]["name"],
    )


def _option(network: Mapping[str, str]) -> Option:
    label = network["label_en"] if get_language() == "en" else network["label_nl"]
    return Option(value=network["name"], label=label, hint=network["cidr"])
