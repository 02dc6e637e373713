"""What the API's description says of ``spec``: the parameters of everything that is on offer."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from catalog.api.parameters import outline
from catalog.kinds import get_kind
from catalog.offering_policies import published_versions


def describe_specs(
    result: dict[str, Any], generator: Any, request: Request | None, public: bool
) -> dict[str, Any]:
    """Describe ``spec`` of an order by one schema for each offering.

    Options and bounds are for who may order, and change with each version: they are not here but
    at ``/offerings/{id}``. Neither is what exists for some organizations only.
    """
    schemas = result["components"]["schemas"]
    for_everybody = published_versions().filter(visible_to=None)
    references = []
    for version in for_everybody.select_related("offering", "cloud").order_by("offering__position"):
        name = f"{version.offering.code.title().replace('-', '').replace('_', '')}Spec"
        schemas[name] = outline(get_kind(version.offering.kind).parameters(version))
        references.append({"$ref": f"#/components/schemas/{name}"})
    if references:
        for name in ("OrderInput", "LineInput"):
            spec = schemas[name]["properties"]["spec"]
            schemas[name]["properties"]["spec"] = {
                "description": spec["description"],
                "anyOf": references,
            }
    return result
