"""What a resource consists of in the cloud: how each part is recognised, and what is compared.

Reconciliation knows kinds by this alone. A kind whose parts stand in no list declares none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.utils.translation import gettext_lazy as _

from catalog.kinds.parameters import Text
from portal.cloud.ports import CloudObject, Listing


class Record(Protocol):
    """What the portal keeps of a resource, as far as a comparison may look at it."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> Mapping[str, Any]: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def is_found(self) -> bool: ...


def _nothing(value: str) -> Mapping[str, Any]:
    return {}


def _always(record: Record) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One fact that portal and cloud both know of a part.

    Args:
        key: stored with a difference; a contract while it is open.
        label: what the page calls it.
        ours, cloud: what each says; None: it cannot be told now, so nothing is compared.
        taken_over: which facts of ours change when our record takes over what the cloud says;
            none where that would change money or access, or makes no sense.
        changed_spec: which answers of the spec change then, where that changes money.
        put_back_by: key of the kind's action that has the cloud say what we say again; it asks and
            loses nothing, and costs stay as they are. "" where there is none.
        is_access: who can reach the resource depends on it, so that a difference is urgent.
    """

    key: str
    label: Text
    ours: Callable[[Record], str | None]
    cloud: Callable[[CloudObject], str | None]
    taken_over: Callable[[str], Mapping[str, Any]] = _nothing
    changed_spec: Callable[[str], Mapping[str, Any]] = _nothing
    put_back_by: str = ""
    is_access: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a thing that nobody ordered is as a resource, as far as a list of the cloud tells.

    Args:
        spec: must say by itself what the resource holds and uses: no offering adds to it.
        used_by: ids of what else in the cloud it is in use by.
    """

    spec: Mapping[str, Any]
    facts: Mapping[str, Any]
    used_by: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something in the cloud that a resource consists of.

    Args:
        key: of ``Resource.cloud_ids``, and the part that its marker names.
        label: what people call it.
        listing: where the cloud lists it.
        is_expected: judges whether a resource has it.
        compared: the facts that must be equal.
        is_marked: the listing tells the marker.
    """

    key: str
    label: Text
    listing: Listing
    is_expected: Callable[[Record], bool] = _always
    compared: Sequence[Compared] = ()
    is_marked: bool = True


def _name_in_cloud(thing: CloudObject) -> str | None:
    return thing.name


def called(part: str) -> Compared:
    """The name of a part: the resource's own, unless our record took over another of the cloud."""
    kept_as = name_fact(part)
    return Compared(
        key="name",
        label=_("Name"),
        ours=lambda record: record.facts.get(kept_as, record.name),
        cloud=_name_in_cloud,
        taken_over=lambda name: {kept_as: name},
    )


def name_fact(part: str) -> str:
    """The key in ``Resource.facts`` of what the cloud calls a part that we call otherwise."""
    return f"{part}_name"


def status(
    *, ours: Callable[[Record], str | None], settled: Sequence[str], kept_as: str = ""
) -> Compared:
    """The status, as long as the cloud is busy with nothing.

    Args:
        settled: the statuses of something that works as it should, and those of one that does
            not; in any other the cloud is busy, or cannot tell.
        kept_as: key in ``Resource.facts`` that may take over what the cloud says.
    """

    def in_cloud(thing: CloudObject) -> str | None:
        is_busy = bool(thing.details.get("task_state"))
        return thing.status if thing.status in settled and not is_busy else None

    def taken_over(value: str) -> Mapping[str, Any]:
        return {kept_as: value} if kept_as else {}

    return Compared(
        key="status", label=_("State"), ours=ours, cloud=in_cloud, taken_over=taken_over
    )


def size_gib(ours: Callable[[Record], str | None], *, question: str = "volume_gib") -> Compared:
    """How large a volume is; it costs money, so our record takes that over for two people only.

    Args:
        question: the key in the spec that says how large it is.
    """
    return Compared(
        key="size_gib",
        label=_("Size in GiB"),
        ours=ours,
        cloud=lambda thing: str(thing.details["size_gib"]),
        changed_spec=lambda size: {question: int(size)},
    )
