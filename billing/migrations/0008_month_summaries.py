"""What a month costs is kept as it was last reckoned; a fact about the past says that it changed."""

import django.db.models.deletion
from django.db import migrations, models

# Of everything that a statement changed the first moment decides: all months since then, up to the
# running one, which is reckoned again and again anyhow. The clock, not the transaction's beginning.
MARK = """
CREATE FUNCTION public.billing_mark_outdated_months() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    since timestamptz;
BEGIN
    EXECUTE format('SELECT min(%I) FROM changed', TG_ARGV[0]) INTO since;
    INSERT INTO public.billing_outdatedmonth (month_start)
    SELECT month AT TIME ZONE 'Europe/Amsterdam'
    FROM generate_series(
        date_trunc('month', since AT TIME ZONE 'Europe/Amsterdam'),
        date_trunc('month', clock_timestamp() AT TIME ZONE 'Europe/Amsterdam')
            - interval '1 month',
        interval '1 month'
    ) AS month;
    RETURN NULL;
END $$;
"""
FORGET = "DROP FUNCTION public.billing_mark_outdated_months();"
FACTS = [
    ("billing_usagespan", "started_at", "ended_at"),
    ("billing_price", "valid_from", "valid_until"),
    ("identity_nodeparent", "valid_from", "valid_until"),
]


def watch(table: str, start: str, end: str) -> migrations.RunSQL:
    """Note when a fact is written whose beginning, or whose end, lies in a month that is over."""
    created = "\n".join(
        f"""
CREATE TRIGGER outdates_months_on_{event.lower()} AFTER {event} ON {table}
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_mark_outdated_months('{column}');
"""
        for event, column in (("INSERT", start), ("UPDATE", end))
    )
    dropped = f"""
DROP TRIGGER outdates_months_on_insert ON {table};
DROP TRIGGER outdates_months_on_update ON {table};
"""
    return migrations.RunSQL(created, dropped)


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0007_longer_openstack_id'),
        ('identity', '0018_links_that_wait_may_end'),
    ]

    operations = [
        migrations.CreateModel(
            name='OutdatedMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month_start', models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name='MonthSummary',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month_start', models.DateTimeField()),
                ('as_of', models.DateTimeField()),
                ('taken_at', models.DateTimeField()),
                ('seconds', models.FloatField()),
            ],
            options={
                'indexes': [models.Index(fields=['month_start', '-id'], name='month_summary_newest')],
            },
        ),
        migrations.CreateModel(
            name='SummaryDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_expected', models.BooleanField()),
                ('day_start', models.DateTimeField()),
                ('exact', models.DecimalField(decimal_places=6, max_digits=30)),
                ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identity.organization')),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identity.project')),
                ('summary', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='days', to='billing.monthsummary')),
            ],
        ),
        migrations.CreateModel(
            name='SummaryLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_expected', models.BooleanField()),
                ('quantity_seconds', models.DecimalField(decimal_places=6, max_digits=40)),
                ('exact', models.DecimalField(decimal_places=6, max_digits=30)),
                ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identity.organization')),
                ('price', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='billing.price')),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identity.project')),
                ('sku', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='billing.sku')),
                ('summary', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='billing.monthsummary')),
            ],
        ),
        migrations.RunSQL(MARK, FORGET),
        *[watch(*fact) for fact in FACTS],
    ]
