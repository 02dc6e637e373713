"""The guards look for names where they were told to, whatever the session says."""

from django.db import migrations

PIN = """
ALTER FUNCTION public.billing_guard_usage_span() SET search_path = pg_catalog, public, pg_temp;
ALTER FUNCTION public.billing_guard_price() SET search_path = pg_catalog, public, pg_temp;
ALTER FUNCTION public.billing_guard_metered_resource()
    SET search_path = pg_catalog, public, pg_temp;
"""
UNPIN = """
ALTER FUNCTION public.billing_guard_metered_resource() RESET search_path;
ALTER FUNCTION public.billing_guard_price() RESET search_path;
ALTER FUNCTION public.billing_guard_usage_span() RESET search_path;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_prices_and_resources_keep")]
    operations = [migrations.RunSQL(PIN, UNPIN)]
