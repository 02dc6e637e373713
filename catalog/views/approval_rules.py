"""The rules about approving: what they say, what they said, and agreeing on what they will say."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from catalog.models import ApprovalRule, ApprovalRuleVersion, Offering
from catalog.policies import RULE_READERS, visible_rules
from catalog.quota_policies import governed_nodes
from catalog.rule_forms import NewRuleForm, RuleDecisionForm, RuleForm, answers_of
from catalog.services.approval_rules import (
    RuleSays,
    confirm_version,
    offerings_to_name,
    propose_rule,
    propose_version,
    refuse_version,
    take_back_version,
)
from catalog.views.rule_wording import rule_in_words
from portal.core.errors import DomainError
from portal.identity.access import roles_of
from portal.identity.models.proposed import DecisionState
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest


@require_safe
def rule_list(request: PersonRequest) -> HttpResponse:
    """The rules of the parts that the person governs or audits, with what waits."""
    if not RULE_READERS & roles_of(request.user):
        raise PermissionDenied
    rules = [_rule_on_page(rule) for rule in _with_versions(request).order_by("node__name", "name")]
    context = {"rules": rules, "may_propose": governed_nodes(request.user).exists()}
    return render(request, "catalog/approval_rules/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_new(request: PersonRequest) -> HttpResponse:
    """Propose a rule that is not there yet."""
    nodes = list(governed_nodes(request.user).order_by("name"))
    if not nodes:
        raise PermissionDenied
    form = NewRuleForm(
        request.POST if request.method == "POST" else None,
        nodes=nodes,
        offerings=offerings_to_name(request.user),
        initial={"offering": request.GET.get("offering", "")},
    )
    if form.is_valid():
        try:
            version = propose_rule(
                node=form.cleaned_data["node"],
                name=form.cleaned_data["name"],
                says=form.says(),
                actor=request.user,
            )
        except DomainError as error:
            form.show(error)
        else:
            messages.success(request, _("Proposed. A second person decides."))
            return redirect("catalog:approval-rule", public_id=version.rule.public_id)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "catalog/approval_rules/new.html", {"form": form}, status=status)


@require_safe
def rule_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One rule with its history."""
    return _page(request, get_object_or_404(_with_versions(request), public_id=public_id))


@require_safe
def rule_proposal(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """A proposal is shown with the rule that it is about."""
    return _page(request, _rule_of(request, public_id))


@require_POST
def rule_propose(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose that it say something else."""
    rule = _governed(request, get_object_or_404(_with_versions(request), public_id=public_id))
    form = RuleForm(request.POST, offerings=offerings_to_name(request.user, rule))
    if not form.is_valid():
        return _page(request, rule, form=form)
    done = _("Proposed. A second person decides.")
    return _do(
        request,
        rule,
        lambda: propose_version(public_id, says=form.says(), actor=request.user),
        done,
        form=form,
    )


@require_POST
def rule_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Propose that it say nothing any more."""
    rule = _governed(request, get_object_or_404(_with_versions(request), public_id=public_id))
    says = RuleSays(ends_rule=True)
    done = _("Proposed. A second person decides.")
    return _do(
        request, rule, lambda: propose_version(public_id, says=says, actor=request.user), done
    )


@require_POST
def rule_confirm(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes: from now on the rule says this."""
    rule = _governed(request, _rule_of(request, public_id))
    done = _("Confirmed. It holds for what is ordered from now on.")
    return _do(request, rule, lambda: confirm_version(public_id, actor=request.user), done)


@require_POST
def rule_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""
    rule = _governed(request, _rule_of(request, public_id))
    form = RuleDecisionForm(request.POST)
    reason = form.typed("reason")
    return _do(
        request,
        rule,
        lambda: refuse_version(public_id, actor=request.user, reason=reason),
        _("Refused. The rule stays as it was."),
        decision=form,
    )


@require_POST
def rule_take_back(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""
    rule = _governed(request, _rule_of(request, public_id))
    done = _("Taken back. The rule stays as it was.")
    return _do(request, rule, lambda: take_back_version(public_id, actor=request.user), done)


def rules_naming(request: PersonRequest, offering: Offering) -> list[dict[str, Any]]:
    """The rules that the person may read and that are about this offering, or are to be."""
    versions = ApprovalRuleVersion.objects.filter(
        Q(state=DecisionState.PROPOSED) | Q(state=DecisionState.CONFIRMED, ended_at=None),
        offering=offering,
    )
    rules = _with_versions(request).filter(pk__in=versions.values("rule"))
    return [_rule_on_page(rule) for rule in rules.order_by("node__name", "name")]


def _do(
    request: PersonRequest,
    rule: ApprovalRule,
    service: Callable[[], Any],
    done: str,
    *,
    form: RuleForm | None = None,
    decision: RuleDecisionForm | None = None,
) -> HttpResponse:
    """Do it, or show the rule with why not, and what was typed."""
    try:
        service()
    except DomainError as error:
        for sent in (form, decision):
            if sent is not None:
                sent.show(error)
        fresh = get_object_or_404(_with_versions(request), pk=rule.pk)
        return _page(request, fresh, form=form, decision=decision, error=error)
    messages.success(request, done)
    return redirect("catalog:approval-rule", public_id=rule.public_id)


def _page(
    request: PersonRequest,
    rule: ApprovalRule,
    *,
    form: RuleForm | None = None,
    decision: RuleDecisionForm | None = None,
    error: DomainError | None = None,
) -> HttpResponse:
    shown = _rule_on_page(rule)
    waiting, newest = shown["waiting"], shown["in_force"] or list(rule.versions.all())[-1]
    governs = governed_nodes(request.user).filter(pk=rule.node_id).exists()
    is_own = bool(waiting and waiting.proposed_by_id == request.user.pk)
    context = {
        **shown,
        "waiting_words": rule_in_words(waiting) if waiting else [],
        "may_decide": governs and waiting and not is_own,
        "is_own": is_own,
        "may_propose": governs and not waiting,
        "form": form
        or RuleForm(initial=answers_of(newest), offerings=offerings_to_name(request.user, rule)),
        "decision_form": decision or _begun_decision(request, waiting),
        "is_typed": form is not None,
        "error": error,
        "history": reversed(rule.versions.all()),
    }
    is_wrong = form is not None and form.errors
    status = error.http_status if error else 422 if is_wrong else 200
    return render(request, "catalog/approval_rules/detail.html", context, status=status)


def _begun_decision(
    request: PersonRequest, waiting: ApprovalRuleVersion | None
) -> RuleDecisionForm:
    """With what the person wrote when they had to log in again."""
    if waiting is None:
        return RuleDecisionForm()
    routes = ("catalog:approval-rule-refuse", "catalog:approval-rule-confirm")
    kept = kept_input(request, *[reverse(route, args=[waiting.public_id]) for route in routes])
    return RuleDecisionForm(initial={"reason": kept.get("reason", "") if kept else ""})


def _rule_on_page(rule: ApprovalRule) -> dict[str, Any]:
    versions = list(rule.versions.all())
    in_force = next(
        (v for v in versions if v.state == DecisionState.CONFIRMED and not v.ended_at), None
    )
    if in_force and in_force.ends_rule:
        in_force = None
    return {
        "rule": rule,
        "in_force": in_force,
        "words": rule_in_words(in_force) if in_force else [],
        "waiting": next((v for v in versions if v.state == DecisionState.PROPOSED), None),
    }


def _with_versions(request: PersonRequest) -> QuerySet[ApprovalRule]:
    versions = ApprovalRuleVersion.objects.select_related(
        "rule__node", "proposed_by", "decided_by", "offering"
    ).prefetch_related("offering__versions")
    return (
        visible_rules(request.user)
        .select_related("node")
        .prefetch_related(Prefetch("versions", versions.order_by("number")))
    )


def _rule_of(request: PersonRequest, version_id: UUID) -> ApprovalRule:
    return get_object_or_404(_with_versions(request), versions__public_id=version_id)


def _governed(request: PersonRequest, rule: ApprovalRule) -> ApprovalRule:
    if not governed_nodes(request.user).filter(pk=rule.node_id).exists():
        raise PermissionDenied
    return rule
