"""What prices were and who agreed on them is never emptied: TRUNCATE passes row triggers by."""

from django.db import migrations

TABLES = ["price", "tariffround", "tariffroundline"]
KEEP = "".join(
    f"CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON public.billing_{table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();\n"
    for table in TABLES
)
ALLOW = "".join(
    f"DROP TRIGGER {table}_never_truncated ON public.billing_{table};\n" for table in TABLES
)


class Migration(migrations.Migration):
    dependencies = [("billing", "0014_billed_days")]
    operations = [migrations.RunSQL(KEEP, ALLOW)]
