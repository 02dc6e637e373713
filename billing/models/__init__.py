from billing.models.allocation import AllocationFact, AllocationKey
from billing.models.budget import Budget, PastBudget
from billing.models.budget_alert import BudgetAlert, BudgetLetter, BudgetMeasure
from billing.models.dispute import DISPUTE_LENGTH, Dispute
from billing.models.measured import MeasuredUse, SampleProblem, UsageSample
from billing.models.price import (
    SHARED_SKU,
    SKU_CODE_LENGTH,
    SKU_NAME_LENGTH,
    Price,
    PriceList,
    PriceUnit,
    Sku,
)
from billing.models.scheduled_file import (
    FileKind,
    FileRhythm,
    FileSchedule,
    FileState,
    ScheduledFile,
    ScheduledFilePart,
)
from billing.models.split_key import SplitKey, SplitMethod, SplitRecipient
from billing.models.statement import (
    BillingMonth,
    Credit,
    LineKind,
    MonthState,
    Statement,
    StatementLine,
    StatementLineSource,
    UnsettledMonth,
)
from billing.models.summary import MonthSummary, OutdatedMonth, SummaryDay, SummaryLine
from billing.models.tag import TAG_LENGTH, TagFact, TagKey
from billing.models.tariff import TARIFF_NAME_LENGTH, TariffRound, TariffRoundLine
from billing.models.term import MinimumTerm
from billing.models.usage import MeteredResource, UsageSpan

__all__ = [
    "DISPUTE_LENGTH",
    "SHARED_SKU",
    "SKU_CODE_LENGTH",
    "SKU_NAME_LENGTH",
    "TAG_LENGTH",
    "TARIFF_NAME_LENGTH",
    "AllocationFact",
    "AllocationKey",
    "BillingMonth",
    "Budget",
    "BudgetAlert",
    "BudgetLetter",
    "BudgetMeasure",
    "Credit",
    "Dispute",
    "FileKind",
    "FileRhythm",
    "FileSchedule",
    "FileState",
    "LineKind",
    "MeasuredUse",
    "MeteredResource",
    "MinimumTerm",
    "MonthState",
    "MonthSummary",
    "OutdatedMonth",
    "PastBudget",
    "Price",
    "PriceList",
    "PriceUnit",
    "SampleProblem",
    "ScheduledFile",
    "ScheduledFilePart",
    "Sku",
    "SplitKey",
    "SplitMethod",
    "SplitRecipient",
    "Statement",
    "StatementLine",
    "StatementLineSource",
    "SummaryDay",
    "SummaryLine",
    "TagFact",
    "TagKey",
    "TariffRound",
    "TariffRoundLine",
    "UnsettledMonth",
    "UsageSample",
    "UsageSpan",
]
