"""The addresses of the cost pages."""

from billing.views import (
    allocation,
    budgets,
    costs,
    disputes,
    files,
    line_usage,
    months,
    skus,
    split_keys,
    statements,
    tags,
    tariff_rounds,
    tariffs,
)
from portal.core.paths import path

app_name = "billing"
urlpatterns = [
    path("costs", costs.cost_overview, name="costs"),
    path("costs/table.<sheet:form>", costs.cost_sheet, name="cost-sheet"),
    path("costs/per/<str:table>.<sheet:form>", costs.cost_table, name="cost-table"),
    path("costs/focus.json", costs.focus_metadata, name="focus-metadata"),
    path("costs/focus.<str:form>", costs.focus_rows, name="focus-rows"),
    path("costs/files", files.file_list, name="files"),
    path("costs/files/<uuid:public_id>", files.file_content, name="file-content"),
    path(
        "costs/files/schedules/<uuid:public_id>/end",
        files.file_schedule_end,
        name="file-schedule-end",
    ),
    path("costs/split-keys", split_keys.key_list, name="split-keys"),
    path("costs/split-keys/new", split_keys.key_new, name="split-key-new"),
    path(
        "costs/split-keys/<uuid:public_id>/table.<sheet:form>",
        split_keys.key_sheet,
        name="split-key-sheet",
    ),
    path("costs/split-keys/<uuid:public_id>", split_keys.key_detail, name="split-key"),
    path(
        "costs/split-keys/<uuid:public_id>/confirm",
        split_keys.key_confirm,
        name="split-key-confirm",
    ),
    path(
        "costs/split-keys/<uuid:public_id>/refuse", split_keys.key_refuse, name="split-key-refuse"
    ),
    path(
        "costs/split-keys/<uuid:public_id>/take-back",
        split_keys.key_take_back,
        name="split-key-take-back",
    ),
    path("costs/split-keys/<uuid:public_id>/end", split_keys.key_end, name="split-key-end"),
    path("costs/tariffs", tariffs.tariff_list, name="tariffs"),
    path("costs/tariffs/table.<sheet:form>", tariffs.tariff_sheet, name="tariffs-sheet"),
    path("costs/tariffs/rounds", tariff_rounds.round_list, name="tariff-rounds"),
    path("costs/tariffs/rounds/new", tariff_rounds.round_new, name="tariff-round-new"),
    path("costs/tariffs/rounds/<uuid:public_id>", tariff_rounds.round_detail, name="tariff-round"),
    path(
        "costs/tariffs/rounds/<uuid:public_id>/prices.<sheet:form>",
        tariff_rounds.round_prices,
        name="tariff-round-prices",
    ),
    path(
        "costs/tariffs/rounds/<uuid:public_id>/organizations.<sheet:form>",
        tariff_rounds.round_payers,
        name="tariff-round-payers",
    ),
    path(
        "costs/tariffs/rounds/<uuid:public_id>/confirm",
        tariff_rounds.round_confirm,
        name="tariff-round-confirm",
    ),
    path(
        "costs/tariffs/rounds/<uuid:public_id>/refuse",
        tariff_rounds.round_refuse,
        name="tariff-round-refuse",
    ),
    path(
        "costs/tariffs/rounds/<uuid:public_id>/take-back",
        tariff_rounds.round_take_back,
        name="tariff-round-take-back",
    ),
    path(
        "costs/tariffs/rounds/<uuid:public_id>/withdraw",
        tariff_rounds.round_withdraw,
        name="tariff-round-withdraw",
    ),
    path("costs/tariffs/skus", skus.sku_list, name="skus"),
    path("costs/tariffs/skus.<sheet:form>", skus.sku_sheet, name="skus-sheet"),
    # Not below skus: what stands there is a code, which may be any word.
    path("costs/tariffs/new-sku", skus.sku_new, name="sku-new"),
    path("costs/tariffs/edit-sku/<path:code>", skus.sku_edit, name="sku-edit"),
    path("costs/tariffs/remove-sku/<path:code>", skus.sku_remove, name="sku-remove"),
    path(
        "costs/tariffs/skus/<path:code>/table.<sheet:form>",
        tariffs.tariff_history_sheet,
        name="tariff-history-sheet",
    ),
    path("costs/tariffs/skus/<path:code>", tariffs.tariff_history, name="tariff-history"),
    path("costs/budgets", budgets.budget_list, name="budgets"),
    path("costs/budgets.<sheet:form>", budgets.budget_rows, name="budget-rows"),
    path("costs/budgets/choose", budgets.budget_choose, name="budget-choose"),
    path("costs/budgets/<uuid:public_id>/<int:year>", budgets.budget_detail, name="budget"),
    path(
        "costs/budgets/<uuid:public_id>/<int:year>/months.<sheet:form>",
        budgets.budget_months,
        name="budget-months",
    ),
    path("costs/budgets/<uuid:public_id>/<int:year>/end", budgets.budget_end, name="budget-end"),
    path("costs/resources/<uuid:public_id>", costs.resource_costs, name="resource-costs"),
    path(
        "costs/resources/<uuid:public_id>/table.<sheet:form>",
        costs.resource_costs_sheet,
        name="resource-costs-sheet",
    ),
    path(
        "costs/resources/<uuid:public_id>/allocation",
        allocation.resource_allocation,
        name="resource-allocation",
    ),
    path("costs/resources/<uuid:public_id>/tags", tags.resource_tags, name="resource-tags"),
    path("costs/tags", tags.tag_costs, name="tag-costs"),
    path("costs/tags.<sheet:form>", tags.tag_costs_sheet, name="tag-costs-sheet"),
    path("costs/tags/<uuid:public_id>", tags.node_tags, name="node-tags"),
    path("costs/tags/<uuid:public_id>/keys", tags.tag_keys, name="tag-keys"),
    path("costs/allocation", allocation.allocation_tree, name="allocation"),
    path("costs/allocation/<uuid:public_id>", allocation.node_allocation, name="node-allocation"),
    path("costs/cost-centres", allocation.cost_centers, name="cost-centers"),
    path(
        "costs/cost-centres.<sheet:form>", allocation.cost_centers_sheet, name="cost-centers-sheet"
    ),
    path("costs/months.<sheet:form>", months.month_list_sheet, name="months-sheet"),
    path("costs/months", months.month_list, name="months"),
    path("costs/months/disputes", disputes.dispute_list, name="disputes"),
    path(
        "costs/months/disputes.<sheet:form>",
        disputes.dispute_sheet,
        name="disputes-sheet",
    ),
    path("costs/months/<str:key>", months.month_detail, name="month"),
    path("costs/months/<str:key>/statements.<sheet:form>", months.month_sheet, name="month-sheet"),
    path("costs/months/<str:key>/journal.<sheet:form>", months.month_journal, name="month-journal"),
    path("costs/months/<str:key>/begin", months.month_begin, name="month-begin"),
    path("costs/months/<str:key>/take-back", months.month_take_back, name="month-take-back"),
    path("costs/months/<str:key>/close", months.month_close, name="month-close"),
    path("costs/months/statements/<uuid:public_id>", statements.statement_detail, name="statement"),
    path(
        "costs/months/statements/<uuid:public_id>.pdf",
        statements.statement_pdf,
        name="statement-pdf",
    ),
    path(
        "costs/months/statements/<uuid:public_id>.<sheet:form>",
        statements.statement_sheet,
        name="statement-sheet",
    ),
    path(
        "costs/months/statements/<uuid:public_id>/invoice.xml",
        statements.statement_invoice,
        name="statement-invoice",
    ),
    path(
        "costs/months/statements/<uuid:public_id>/journal.<sheet:form>",
        statements.statement_journal,
        name="statement-journal",
    ),
    path("costs/months/lines/<uuid:public_id>", line_usage.line_detail, name="statement-line"),
    path(
        "costs/months/lines/<uuid:public_id>.<sheet:form>",
        line_usage.line_sheet,
        name="statement-line-sheet",
    ),
    path("costs/months/lines/<uuid:public_id>/credit", statements.credit_new, name="credit-new"),
    path("costs/months/lines/<uuid:public_id>/dispute", disputes.dispute_new, name="dispute-new"),
    path("costs/months/disputes/<uuid:public_id>", disputes.dispute_detail, name="dispute"),
    path(
        "costs/months/disputes/<uuid:public_id>/grant", disputes.dispute_grant, name="dispute-grant"
    ),
    path(
        "costs/months/disputes/<uuid:public_id>/refuse",
        disputes.dispute_refuse,
        name="dispute-refuse",
    ),
    path(
        "costs/months/disputes/<uuid:public_id>/take-back",
        disputes.dispute_take_back,
        name="dispute-take-back",
    ),
    # Not below months: who logs in anew comes back to the page above, and "credits" is no month.
    path(
        "costs/credits/<uuid:public_id>/confirm", statements.credit_confirm, name="credit-confirm"
    ),
    path(
        "costs/months/credits/<uuid:public_id>/take-back",
        statements.credit_take_back,
        name="credit-take-back",
    ),
]
