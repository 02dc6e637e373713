"""The guard looks for names where it was told to, whatever the session says."""

from django.db import migrations

PIN = "ALTER FUNCTION public.audit_refuse_change() SET search_path = pg_catalog, public, pg_temp;"
UNPIN = "ALTER FUNCTION public.audit_refuse_change() RESET search_path;"


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]
    operations = [migrations.RunSQL(PIN, UNPIN)]
