"""Lines of a summary say what they fall under; what was said of that later outdates them."""

from django.db import migrations, models


def watch(table: str) -> migrations.RunSQL:
    """As migration 0008 does for prices."""
    return migrations.RunSQL(
        f"""
CREATE TRIGGER outdates_months_on_insert AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_mark_outdated_months('valid_from');
CREATE TRIGGER outdates_months_on_update AFTER UPDATE ON {table}
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_mark_outdated_months('valid_until');
""",
        f"""
DROP TRIGGER outdates_months_on_insert ON {table};
DROP TRIGGER outdates_months_on_update ON {table};
""",
    )


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0011_allocation'),
    ]

    operations = [
        migrations.AddField(
            model_name="monthsummary",
            name="charge_count",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="summaryline",
            name="charge_count",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='summaryline',
            name='commitment_number',
            field=models.CharField(max_length=40, null=True),
        ),
        migrations.AddField(
            model_name='summaryline',
            name='cost_center',
            field=models.CharField(max_length=40, null=True),
        ),
        migrations.AddField(
            model_name='summaryline',
            name='cost_object',
            field=models.CharField(max_length=40, null=True),
        ),
        watch("billing_allocationfact"),
        watch("identity_costcentre"),
    ]
