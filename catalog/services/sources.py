"""The project's own resources as answers: offered, looked up, and kept while they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet

from catalog.errors import ResourceBusy, ResourceNeeded, SourceChanged, SourceGone
from catalog.kinds import get_kind
from catalog.kinds.parameters import Option, Parameter, clean_spec
from catalog.models import (
    BEING_MADE,
    CHANGING_KINDS,
    KEEPS_ITS_SOURCE,
    OPEN_OPERATION_STATES,
    AnswerList,
    Derivation,
    OfferingVersion,
    Operation,
    OperationState,
    Resource,
    ResourceState,
)
from catalog.services.lock_order import by_place
from portal.cloud.models import Cloud, CloudProjectPurpose
from portal.identity.models import Project

_SHOWN: Final = ("public_id", "kind", "name", "spec", "facts")  # what an option is made of


def offered_in(parameters: Sequence[Parameter], project: Project, cloud: Cloud) -> list[Parameter]:
    """The same questions, with what runs in the project where that is what they ask for.

    One query where a question asks for that, else none.
    """
    kinds = {kind for parameter in parameters for kind in parameter.of_kinds}
    if not kinds:
        return list(parameters)
    shown = _running(project, cloud).select_related(None).only(*_SHOWN)
    running = list(shown.filter(kind__in=kinds))
    return [_with_options(item, filter(_suits(item), running)) for item in parameters]


def with_chosen(parameters: Sequence[Parameter], spec: Mapping[str, Any]) -> list[Parameter]:
    """The same questions, with the resources that the spec names: to tell what was chosen.

    One query where it names one, else none.
    """
    ids = _named(parameters, spec).values()
    if not ids:
        return list(parameters)
    chosen = list(Resource.objects.filter(public_id__in=ids))
    return [_with_options(item, chosen) for item in parameters]


def clean_answers(
    version: OfferingVersion, project: Project, raw: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the spec that ``raw`` describes in the project, with what follows from its sources.

    Raises:
        InvalidInput: with a message by name.
    """
    kind = get_kind(version.offering.kind)
    parameters = offered_in(kind.parameters(version), project, version.cloud)
    spec = clean_spec(parameters, raw)
    return kind.settle(version, spec, find_sources(parameters, spec, project, version.cloud))


def find_sources(
    parameters: Sequence[Parameter], spec: Mapping[str, Any], project: Project, cloud: Cloud
) -> dict[str, Resource]:
    """What runs in the project and is named by the spec, by question."""
    named = _named(parameters, spec)
    if not named:
        return {}
    return _by_question(named, _running(project, cloud))


def lock_all_sources(
    asked: Iterable[tuple[OfferingVersion, Mapping[str, Any]]], project: Project
) -> None:
    """Lock what several specs name, in the one order of resources, before any is looked at.

    In the order of lines two orders could wait for each other.
    """
    named = [
        public_id
        for version, spec in asked
        for public_id in _named(get_kind(version.offering.kind).parameters(version), spec).values()
    ]
    if named:
        sources = Resource.objects.filter(project=project, public_id__in=named)
        sources = sources.order_by(*by_place())
        list(sources.select_for_update(of=("self",), no_key=True).values_list("pk"))


def lock_sources(
    version: OfferingVersion, spec: Mapping[str, Any], project: Project
) -> list[Derivation]:
    """Keep what the spec names as it is until the transaction ends; returned as rows to write.

    Raises:
        SourceGone: it does not run any more.
        SourceChanged: the spec would be another by now.
        ResourceBusy: it is being changed.
    """
    kind = get_kind(version.offering.kind)
    parameters = kind.parameters(version)
    named = _named(parameters, spec)
    if not named:
        return []
    running = _running(project, version.cloud).select_for_update(of=("self",), no_key=True)
    found = _by_question(named, running.order_by(*by_place()))
    if found.keys() != named.keys():
        raise SourceGone()
    for source in found.values():
        if source.operations.filter(
            kind__in=CHANGING_KINDS, state__in=OPEN_OPERATION_STATES
        ).exists():
            raise ResourceBusy(name=source.name)
    if kind.settle(version, spec, found) != spec:
        raise SourceChanged(name=", ".join(source.name for source in found.values()))
    needed = {item.name for item in parameters if item.is_needed}
    return [
        Derivation(source=source, question=question, is_needed=question in needed)
        for question, source in found.items()
    ]


def check_not_needed(resource: Resource) -> None:
    """Raise when something needs the resource, or is about to. Call with it locked.

    Raises:
        ResourceNeeded: what was made from it needs it as long as it lives, or until it is made.
        ResourceBusy: work on another resource is about this one.
    """
    names = list(needing(resource.pk).values_list("resource__name", flat=True))
    if names:
        raise ResourceNeeded(name=resource.name, others=", ".join(sorted(names)))
    if work_about(resource).exists():
        raise ResourceBusy(name=resource.name)


def needing(resource_id: int | OuterRef) -> QuerySet[Derivation]:
    """What keeps the resource from being cleaned up."""
    return Derivation.objects.filter(KEEPS_ITS_SOURCE, source=resource_id)


def work_about(resource: Resource) -> QuerySet[Operation]:
    """What is being done to other resources that is about this one."""
    return Operation.objects.annotate(named=AnswerList()).filter(
        Q(named__contains=[str(resource.public_id)]),
        state=OperationState.RUNNING,
        resource__project=resource.project_id,
    )


def is_being_copied(resource: Resource) -> bool:
    """True while something that is ordered already is being made from it."""
    return Derivation.objects.filter(source=resource, resource__state__in=BEING_MADE).exists()


def _running(project: Project, cloud: Cloud) -> QuerySet[Resource]:
    return (
        Resource.objects.filter(
            project=project,
            cloud_project__cloud=cloud,
            cloud_project__purpose=CloudProjectPurpose.MANAGED,
            state=ResourceState.ACTIVE,
        )
        .select_related("order_line__offering_version")
        .order_by("name", "pk")
    )


def _named(parameters: Sequence[Parameter], spec: Mapping[str, Any]) -> dict[str, UUID]:
    """The public ids that the spec names, by question."""
    return {
        item.name: public_id
        for item in parameters
        if (public_id := item.own(spec.get(item.name))) is not None
    }


def _by_question(named: Mapping[str, UUID], resources: QuerySet[Resource]) -> dict[str, Resource]:
    by_id = {found.public_id: found for found in resources.filter(public_id__in=named.values())}
    return {question: by_id[asked] for question, asked in named.items() if asked in by_id}


def _suits(parameter: Parameter) -> Callable[[Resource], bool]:
    return lambda resource: parameter.suits(resource.facts)


def _with_options(parameter: Parameter, resources: Iterable[Resource]) -> Parameter:
    """Those of the offering first, where it has any."""
    if not parameter.of_kinds:
        return parameter
    offered = [item for item in parameter.options if parameter.own(item.value) is None]
    own = [_option(found) for found in resources if found.kind in parameter.of_kinds]
    return replace(parameter, options=offered + own)


def _option(resource: Resource) -> Option:
    return Option(
        value=str(resource.public_id),
        label=resource.name,
        hint=get_kind(resource.kind).summary(resource.spec),
    )
