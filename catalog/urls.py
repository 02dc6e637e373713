"""Addresses of the catalogue's pages, by noun."""

from catalog import placement_urls
from catalog.views.approval_rules import (
    rule_confirm,
    rule_detail,
    rule_end,
    rule_list,
    rule_new,
    rule_proposal,
    rule_propose,
    rule_refuse,
    rule_take_back,
)
from catalog.views.approvals import (
    approval_approve,
    approval_detail,
    approval_question,
    approval_queue,
    approval_reject,
)
from catalog.views.assemblies import assembly_retire
from catalog.views.cart import cart_list, cart_order, cart_take
from catalog.views.catalogue import catalogue
from catalog.views.changes import resource_change, resource_change_preview
from catalog.views.drift import drift_detail, drift_list, drift_look
from catalog.views.drift_repairs import (
    drift_correct,
    drift_ignore,
    drift_propose,
    drift_push,
    drift_put_back,
    drift_repair,
    drift_repair_confirm,
    drift_repair_refuse,
    drift_repair_withdraw,
)
from catalog.views.drift_wording import DRIFT_REPAIRS
from catalog.views.offering_decisions import (
    publication_detail,
    publication_publish,
    publication_refuse,
    publication_take_back,
    version_propose,
    version_withdraw,
)
from catalog.views.offering_drafts import offering_new, version_copy, version_edit
from catalog.views.offerings import managed_list, version_detail
from catalog.views.operations import (
    operation_abandon,
    operation_cancel,
    operation_compensate,
    operation_keep,
    operation_resume,
    operation_retry,
)
from catalog.views.order_copy import order_lines_to_cart
from catalog.views.order_form import (
    order_ask_more,
    order_form,
    order_preview,
    order_to_cart,
)
from catalog.views.orders import order_comment, order_detail, order_list, order_withdraw
from catalog.views.quota_bulk import quota_bulk
from catalog.views.quota_detail import quota_detail
from catalog.views.quota_files import quota_example, quota_export, quota_import
from catalog.views.quota_plan import quota_plan
from catalog.views.quota_requests import (
    request_confirm,
    request_detail,
    request_list,
    request_new,
    request_refuse,
    request_take_back,
)
from catalog.views.quotas import quota_limit, quota_overcommit, quota_tree
from catalog.views.quotas_full import quotas_full
from catalog.views.resource_costs import resource_cost_list, resource_cost_sheet
from catalog.views.resources import (
    resource_act,
    resource_detail,
    resource_list,
    resource_protect,
    resource_retire,
    resource_secret,
    resource_unprotect,
)
from catalog.views.solutions import (
    operation_solve,
    solution_confirm,
    solution_refuse,
    solution_withdraw,
)
from catalog.views.tree import node_end, node_move, organization_list
from catalog.views.usage_checks import usage_check_sheet, usage_checks
from catalog.views.work import work_detail, work_list
from portal.core.paths import path

app_name = "catalog"
urlpatterns = [
    # approvals
    path("approvals", approval_queue, name="approvals"),
    path("approvals/<uuid:public_id>", approval_detail, name="approval"),
    path("approvals/<uuid:public_id>/approve", approval_approve, name="approval-approve"),
    path("approvals/<uuid:public_id>/reject", approval_reject, name="approval-reject"),
    path("approvals/<uuid:public_id>/question", approval_question, name="approval-question"),
    # approval rules
    path("approval-rules", rule_list, name="approval-rules"),
    path("approval-rules/new", rule_new, name="approval-rule-new"),
    path("approval-rules/<uuid:public_id>", rule_detail, name="approval-rule"),
    path("approval-rules/<uuid:public_id>/propose", rule_propose, name="approval-rule-propose"),
    path("approval-rules/<uuid:public_id>/end", rule_end, name="approval-rule-end"),
    path("approval-rules/proposals/<uuid:public_id>", rule_proposal, name="approval-rule-proposal"),
    path(
        "approval-rules/proposals/<uuid:public_id>/confirm",
        rule_confirm,
        name="approval-rule-confirm",
    ),
    path(
        "approval-rules/proposals/<uuid:public_id>/refuse", rule_refuse, name="approval-rule-refuse"
    ),
    path(
        "approval-rules/proposals/<uuid:public_id>/take-back",
        rule_take_back,
        name="approval-rule-take-back",
    ),
    # assemblies
    path("assemblies/<uuid:public_id>/retire", assembly_retire, name="assembly-retire"),
    # cart
    path("cart", cart_list, name="cart"),
    path("cart/<uuid:public_id>/order", cart_order, name="cart-order"),
    path("cart/lines/<uuid:public_id>/take", cart_take, name="cart-take"),
    # catalogue
    path("catalogue", catalogue, name="catalogue"),
    path("catalogue/manage", managed_list, name="offerings"),
    path("catalogue/manage/new", offering_new, name="offering-new"),
    path("catalogue/manage/versions/<uuid:public_id>", version_detail, name="offering-version"),
    path(
        "catalogue/manage/versions/<uuid:public_id>/edit",
        version_edit,
        name="offering-version-edit",
    ),
    path(
        "catalogue/manage/versions/<uuid:public_id>/copy",
        version_copy,
        name="offering-version-copy",
    ),
    path(
        "catalogue/manage/versions/<uuid:public_id>/propose",
        version_propose,
        name="offering-version-propose",
    ),
    path(
        "catalogue/manage/versions/<uuid:public_id>/withdraw",
        version_withdraw,
        name="offering-version-withdraw",
    ),
    path(
        "catalogue/manage/publications/<uuid:public_id>",
        publication_detail,
        name="publication",
    ),
    path(
        "catalogue/manage/publications/<uuid:public_id>/publish",
        publication_publish,
        name="publication-publish",
    ),
    path(
        "catalogue/manage/publications/<uuid:public_id>/refuse",
        publication_refuse,
        name="publication-refuse",
    ),
    path(
        "catalogue/manage/publications/<uuid:public_id>/take-back",
        publication_take_back,
        name="publication-take-back",
    ),
    path("catalogue/<slug:code>/order", order_form, name="order-form"),
    path("catalogue/<slug:code>/order/cart", order_to_cart, name="order-to-cart"),
    path("catalogue/<slug:code>/order/more", order_ask_more, name="order-ask-more"),
    path("catalogue/<slug:code>/order/preview", order_preview, name="order-preview"),
    # metering check
    path("usage-checks.<sheet:form>", usage_check_sheet, name="usage-check-sheet"),
    path("usage-checks", usage_checks, name="usage-checks"),
    # drift
    path("drift", drift_list, name="drift"),
    path("drift/look", drift_look, name="drift-look"),
    path("drift/<uuid:public_id>", drift_detail, name="drift-difference"),
    path("drift/<uuid:public_id>/ignore", drift_ignore, name="drift-ignore"),
    path("drift/<uuid:public_id>/correct", drift_correct, name="drift-correct"),
    path("drift/<uuid:public_id>/push", drift_push, name="drift-push"),
    path("drift/<uuid:public_id>/put-back", drift_put_back, name="drift-put-back"),
    *[
        path(
            f"drift/<uuid:public_id>/{name}",
            drift_propose,
            {"action": action},
            name=f"drift-{name}",
        )
        for action, name in DRIFT_REPAIRS.items()
    ],
    path("drift/repairs/<uuid:public_id>", drift_repair, name="drift-repair"),
    path(
        "drift/repairs/<uuid:public_id>/confirm",
        drift_repair_confirm,
        name="drift-repair-confirm",
    ),
    path(
        "drift/repairs/<uuid:public_id>/refuse",
        drift_repair_refuse,
        name="drift-repair-refuse",
    ),
    path(
        "drift/repairs/<uuid:public_id>/withdraw",
        drift_repair_withdraw,
        name="drift-repair-withdraw",
    ),
    # operations
    path("operations", work_list, name="operations"),
    path("operations/<uuid:public_id>", work_detail, name="operation"),
    path("operations/<uuid:public_id>/cancel", operation_cancel, name="operation-cancel"),
    path("operations/<uuid:public_id>/keep", operation_keep, name="operation-keep"),
    path("operations/<uuid:public_id>/retry", operation_retry, name="operation-retry"),
    path("operations/<uuid:public_id>/solve", operation_solve, name="operation-solve"),
    path("operations/<uuid:public_id>/abandon", operation_abandon, name="operation-abandon"),
    path("operations/<uuid:public_id>/resume", operation_resume, name="operation-resume"),
    path(
        "operations/<uuid:public_id>/compensate",
        operation_compensate,
        name="operation-compensate",
    ),
    # organizations and projects; one of them: portal.identity.urls
    path("organizations", organization_list, name="organizations"),
    path("organizations/<uuid:public_id>/move", node_move, name="node-move"),
    path("organizations/<uuid:public_id>/end", node_end, name="node-end"),
    # orders
    path("orders", order_list, name="orders"),
    path("orders/<uuid:public_id>", order_detail, name="order"),
    path("orders/<uuid:public_id>/cart", order_lines_to_cart, name="order-lines-to-cart"),
    path("orders/<uuid:public_id>/comments", order_comment, name="order-comment"),
    path("orders/<uuid:public_id>/withdraw", order_withdraw, name="order-withdraw"),
    # solutions
    path("solutions/<uuid:public_id>/confirm", solution_confirm, name="solution-confirm"),
    path("solutions/<uuid:public_id>/refuse", solution_refuse, name="solution-refuse"),
    path("solutions/<uuid:public_id>/withdraw", solution_withdraw, name="solution-withdraw"),
    # quotas
    path("quotas", quota_tree, name="quotas"),
    path("quotas/<uuid:public_id>/<str:metric>/limit", quota_limit, name="quota-limit"),
    path(
        "quotas/<uuid:public_id>/<str:metric>/overcommit", quota_overcommit, name="quota-overcommit"
    ),
    path("quotas/bulk", quota_bulk, name="quota-bulk"),
    path("quotas/export.<sheet:form>", quota_export, name="quota-export"),
    path("quotas/import", quota_import, name="quota-import"),
    path("quotas/import/example.<sheet:form>", quota_example, name="quota-example"),
    path("quotas/plan", quota_plan, name="quota-plan"),
    path("quotas/requests", request_list, name="quota-requests"),
    path("quotas/requests/new", request_new, name="quota-request-new"),
    path("quotas/requests/<uuid:public_id>", request_detail, name="quota-request"),
    path("quotas/requests/<uuid:public_id>/confirm", request_confirm, name="quota-request-confirm"),
    path("quotas/requests/<uuid:public_id>/refuse", request_refuse, name="quota-request-refuse"),
    path(
        "quotas/requests/<uuid:public_id>/take-back",
        request_take_back,
        name="quota-request-take-back",
    ),
    path("quotas/full", quotas_full, name="quotas-full"),
    path("quotas/<uuid:public_id>/<str:metric>", quota_detail, name="quota-detail"),
    # resources
    path("costs/resources", resource_cost_list, name="resources-costs"),
    path("costs/resources.<sheet:form>", resource_cost_sheet, name="resources-costs-sheet"),
    path("resources", resource_list, name="resources"),
    path("resources/<uuid:public_id>", resource_detail, name="resource"),
    path("resources/<uuid:public_id>/actions/<slug:action>", resource_act, name="resource-act"),
    path("resources/<uuid:public_id>/change", resource_change, name="resource-change"),
    path(
        "resources/<uuid:public_id>/change/preview",
        resource_change_preview,
        name="resource-change-preview",
    ),
    path("resources/<uuid:public_id>/protect", resource_protect, name="resource-protect"),
    path("resources/<uuid:public_id>/secret", resource_secret, name="resource-secret"),
    path("resources/<uuid:public_id>/unprotect", resource_unprotect, name="resource-unprotect"),
    path("resources/<uuid:public_id>/retire", resource_retire, name="resource-retire"),
    *placement_urls.ALL,
]
