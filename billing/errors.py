"""The refusals of billing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError, NotAllowed
from portal.core.formats import money

if TYPE_CHECKING:
    from billing.services.budgets import BudgetPosition


class PriceMissing(DomainError):
    code = "price_missing"
    message = _("“{sku}” has no price at this moment, so it cannot be ordered. Ask finance.")


class SkuUnknown(DomainError):
    code = "sku_unknown"
    message = _("“{sku}” is not in the price list, so its use cannot be measured.")


class SkuGone(DomainError):
    """It was removed meanwhile, or is not one that can have a price."""

    code = "sku_gone"
    http_status = 404
    message = _("There is no such SKU any more.")


class SkuInUse(DomainError):
    """Context: ``sku``, its code."""

    code = "sku_in_use"
    message = _("“{sku}” has or had a price, or was used, so it stays in the price list.")


class OwnRound(DomainError):
    code = "own_tariff_round"
    http_status = 403
    message = _("You proposed this yourself. Somebody else of finance must decide.")


class RoundSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "tariff_round_settled"
    message = _("Somebody was first: this tariff round is “{state}” by now.")


class RoundTooLate(DomainError):
    code = "tariff_round_too_late"
    message = _(
        "The month from which these prices should hold has begun. Prices never change afterwards: "
        "propose them from a later month."
    )


class RoundHolds(DomainError):
    code = "tariff_round_holds"
    message = _(
        "These prices hold already, so they cannot be withdrawn. Propose other prices from a month "
        "to come."
    )


class PricesMoved(DomainError):
    """Context: ``skus``, in words."""

    code = "prices_moved"
    message = _(
        "Since this was proposed another price was set for {skus}. Refuse this proposal, and "
        "propose what should hold now."
    )


class PricesForNobody(DomainError):
    code = "prices_for_nobody"
    message = _("The organisation that these prices are for has ended.")


class NothingLeft(DomainError):
    """Context: ``skus``, in words."""

    code = "no_price_left"
    message = _("Nothing else sets a price for {skus}, so the organisation keeps its own.")


class TariffNameTaken(DomainError):
    code = "tariff_name_taken"
    message = _("There is a price list called “{name}” by now. Propose this under another name.")


class MonthNotOver(DomainError):
    code = "month_not_over"
    message = _("This month has not ended yet, so it cannot be closed.")


class MonthNotNext(DomainError):
    code = "month_not_next"
    message = _("Months are closed in order. First close the month before this one.")


class MonthSettled(DomainError):
    """Somebody was first."""

    code = "month_settled"
    message = _("This month is “{state}” meanwhile. Look again what you can do.")


class MonthHasFlaws(DomainError):
    code = "month_has_flaws"
    message = _("This month cannot be closed yet. First solve what stands below.")


class OwnClosing(NotAllowed):
    code = "own_closing"
    message = _(
        "You began to close this month, or proposed a credit that nobody confirmed yet. Somebody "
        "else must close it."
    )


class TotalsChanged(DomainError):
    code = "totals_changed"
    message = _("The total changed since you saw it: it is {total} now. Look again.")


class CreditTooHigh(DomainError):
    code = "credit_too_high"
    http_status = 422
    message = _("At most {most} of this line is left to give back.")


class OwnCredit(NotAllowed):
    code = "own_credit"
    message = _("You proposed this yourself. Somebody else of finance must confirm it.")


class CreditConfirmed(DomainError):
    code = "credit_confirmed"
    message = _("Somebody confirmed this credit already.")


class CreditSettled(DomainError):
    code = "credit_settled"
    message = _("This credit is on a statement already, or was taken back.")


class LineDisputed(DomainError):
    code = "line_disputed"
    message = _("This line is disputed already. An answer must come first.")


class LineNotDisputable(DomainError):
    code = "line_not_disputable"
    message = _("Of this line nothing is left to give back, so there is nothing to dispute.")


class OwnSplitKey(NotAllowed):
    code = "own_split_key"
    message = _("You proposed this yourself. Somebody else of finance must decide.")


class SplitKeyProposed(DomainError):
    code = "split_key_proposed"
    message = _("You proposed exactly this already. A second person decides.")


class SplitKeySettled(DomainError):
    """Context: ``state``, as shown."""

    code = "split_key_settled"
    message = _("Somebody was first: this is “{state}” by now.")


class SplitKeyTooLate(DomainError):
    code = "split_key_too_late"
    message = _(
        "The month from which this should hold has begun. Propose it again, from a month to come."
    )


class SplitKeyOverlaps(DomainError):
    code = "split_key_overlaps"
    message = _("Another key shares the costs of this project in one of these months already.")


class SplitKeyChains(DomainError):
    """Context: ``project``: whose costs the other key shares."""

    code = "split_key_chains"
    message = _(
        "Costs are shared once. In one of these months another key shares the costs of "
        "“{project}”, which bears a part here, or whose costs this project bears."
    )


class OwnDispute(NotAllowed):
    code = "own_dispute"
    message = _("You disputed this yourself. Somebody else of finance must answer.")


class DisputeSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "dispute_settled"
    message = _("Somebody was first: this dispute is “{state}” by now.")


class NoBudget(DomainError):
    """Context: ``node`` and ``year``."""

    code = "no_budget"
    message = _("“{node}” has no budget of its own for {year}.")


class BudgetChanged(DomainError):
    code = "budget_changed"
    message = _("Somebody changed this budget meanwhile, so nothing was set. Look at it again.")


class BudgetExceeded(DomainError):
    """A budget with a hard stop has too little left.

    Attributes:
        position: where that budget stands, and what is asked of it.
        ask: the names of who can change it, as shown.
    """

    code = "budget_exceeded"
    message = _(
        "This does not fit in the budget of “{node}” for {year}, and more is refused. {free} is "
        "left; this costs {asked} this year. Who can change the budget: {ask}."
    )

    def __init__(self, position: BudgetPosition, *, ask: str) -> None:
        self.position, self.ask = position, ask
        super().__init__(
            node=position.node.name,
            year=position.year,
            free=money(max(Decimal(0), position.free)),
            asked=money(position.asked),
            ask=ask,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """As programs read them; euros."""
        node = self.position.node
        return {
            "level": {"id": str(node.public_id), "name": node.name},
            "year": self.position.year,
            "budget": f"{self.position.budget:.2f}",
            "free": f"{self.position.free:.2f}",
            "asked": f"{self.position.asked:.2f}",
            "ask": self.ask,
        }


class DocumentNotReady(DomainError):
    code = "document_not_ready"
    message = _("The PDF is still being made. Look again in a minute.")


class FileScheduleExists(DomainError):
    code = "file_schedule_exists"
    message = _("These files are made for this organisation already.")


class FileScheduleEnded(DomainError):
    code = "file_schedule_ended"
    message = _("Somebody was first: these files are no longer made.")


class JournalNeedsClosing(DomainError):
    code = "journal_needs_closing"
    http_status = 422
    message = _("There are journal lines of closed months only. Choose “After a month is closed”.")


class StatementsNeedClosing(DomainError):
    code = "statements_need_closing"
    http_status = 422
    message = _(
        "There are statements and e-invoices of closed months only. Choose “After a month is "
        "closed”."
    )


class DailyFilesKeptTooLong(DomainError):
    code = "daily_files_kept_too_long"
    http_status = 422
    message = _("Files of every day are kept for three months at most.")


class InvoiceOutsideVat(DomainError):
    code = "invoice_outside_vat"
    message = _(
        "“{payer}” is outside the scope of VAT: this statement is booked, and has no e-invoice."
    )


class VatTreatmentUnknown(DomainError):
    code = "vat_treatment_unknown"
    message = _(
        "It was not known how “{payer}” is taxed when the month closed, so there is no e-invoice."
    )


class NothingToInvoice(DomainError):
    code = "nothing_to_invoice"
    message = _("Statement {number} comes to nothing, so there is no e-invoice.")


class InvoiceSettingsMissing(DomainError):
    """Context: ``names``, as in the settings."""

    code = "invoice_settings_missing"
    message = _("The e-invoice cannot be made yet. Operators must fill in: {names}.")
