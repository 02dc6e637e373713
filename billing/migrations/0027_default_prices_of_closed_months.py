"""Of a month that is closed, a price for everybody may still fill what has none.

Use may become known late of which nothing was used before in that month, so that nobody missed its
price. It keeps the next month from being closed. A price for everybody comes after all others, does
not overlap another one for everybody, and none that there is ends in the past: so it changes nothing
that was ever charged. The price of an organization would come before others, and still cannot.
"""

from importlib import import_module

from django.db import migrations

ROUNDS = import_module("billing.migrations.0016_rounds_that_begin_late_or_never").NOT_CLOSED
CLOSED = " AND EXISTS (SELECT FROM public.billing_billingmonth"
assert ROUNDS.count(CLOSED) == 1
OF_ORGANIZATIONS = ROUNDS.replace(CLOSED, f" AND NEW.organization_id IS NOT NULL{CLOSED}")


class Migration(migrations.Migration):
    dependencies = [("billing", "0026_minimum_terms")]
    operations = [migrations.RunSQL(OF_ORGANIZATIONS, ROUNDS)]
