"""What the cloud counts is kept, sample by sample, and there is a price per GiB that passed by."""

import django.db.models.deletion

import billing.models.moments
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
CREATE FUNCTION public.billing_guard_measured_use() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
DECLARE
    later text[] := ARRAY['ended_at', 'tried_at', 'problem'];
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL
       AND to_jsonb(NEW) - later = to_jsonb(OLD) - later
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what was paid by what the cloud counts may only end, once'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'measured_use_only_ends';
END $$;
CREATE TRIGGER measured_use_only_ends BEFORE UPDATE OR DELETE ON billing_measureduse
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_measured_use();
CREATE TRIGGER measured_use_never_truncated BEFORE TRUNCATE ON billing_measureduse
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER usage_sample_append_only BEFORE UPDATE OR DELETE ON billing_usagesample
    FOR EACH ROW EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER usage_sample_never_truncated BEFORE TRUNCATE ON billing_usagesample
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
"""
ALLOW = """
DROP TRIGGER usage_sample_never_truncated ON billing_usagesample;
DROP TRIGGER usage_sample_append_only ON billing_usagesample;
DROP TRIGGER measured_use_never_truncated ON billing_measureduse;
DROP TRIGGER measured_use_only_ends ON billing_measureduse;
DROP FUNCTION public.billing_guard_measured_use();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0021_files_by_the_clock'),
        ('identity', '0018_links_that_wait_may_end'),
    ]

    operations = [
        migrations.CreateModel(
            name='MeasuredUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measure', models.CharField(choices=[('stored', 'Stored'), ('traffic', 'Traffic')], max_length=10)),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('tried_at', models.DateTimeField(null=True)),
                ('problem', models.CharField(blank=True, choices=[('', 'None'), ('away', 'The cloud did not answer'), ('refused', 'The cloud refused to say'), ('gone', 'It is not there in the cloud'), ('incredible', 'The cloud says something that cannot be true')], default='', max_length=12)),
            ],
        ),
        migrations.CreateModel(
            name='UsageSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measured_at', models.DateTimeField()),
                ('value', models.BigIntegerField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='price',
            name='price_unit_known',
        ),
        migrations.RemoveConstraint(
            model_name='tariffroundline',
            name='tariff_line_sets_a_price_or_ends_one',
        ),
        migrations.AlterField(
            model_name='price',
            name='unit',
            field=models.CharField(choices=[('month', 'per month'), ('hour', 'per hour'), ('gib_month', 'per GiB per month'), ('one_off', 'once'), ('gib', 'per GiB')], max_length=12),
        ),
        migrations.AlterField(
            model_name='statementline',
            name='unit',
            field=models.CharField(choices=[('month', 'per month'), ('hour', 'per hour'), ('gib_month', 'per GiB per month'), ('one_off', 'once'), ('gib', 'per GiB')], max_length=12),
        ),
        migrations.AlterField(
            model_name='tariffroundline',
            name='unit',
            field=models.CharField(blank=True, choices=[('month', 'per month'), ('hour', 'per hour'), ('gib_month', 'per GiB per month'), ('one_off', 'once'), ('gib', 'per GiB')], max_length=12),
        ),
        migrations.AddConstraint(
            model_name='price',
            constraint=models.CheckConstraint(condition=models.Q(('unit__in', ['month', 'hour', 'gib_month', 'one_off', 'gib'])), name='price_unit_known'),
        ),
        migrations.AddConstraint(
            model_name='tariffroundline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', None), ('ends', True), ('unit', '')), models.Q(('amount__gte', 0), ('amount__isnull', False), ('ends', False), ('unit__in', ['month', 'hour', 'gib_month', 'one_off', 'gib'])), _connector='OR'), name='tariff_line_sets_a_price_or_ends_one'),
        ),
        migrations.AddField(
            model_name='measureduse',
            name='resource',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='measured_uses', to='billing.meteredresource'),
        ),
        migrations.AddField(
            model_name='measureduse',
            name='sku',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.sku'),
        ),
        migrations.AddField(
            model_name='usagesample',
            name='use',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='samples', to='billing.measureduse'),
        ),
        migrations.AddIndex(
            model_name='measureduse',
            index=models.Index(condition=models.Q(('ended_at', None)), fields=['tried_at'], name='measured_use_running'),
        ),
        migrations.AddConstraint(
            model_name='measureduse',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('resource', 'measure'), name='measured_use_one_per_measure_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='measureduse',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('resource', 'sku'), name='measured_use_one_per_sku_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='measureduse',
            constraint=models.CheckConstraint(condition=models.Q(('measure__in', ['stored', 'traffic'])), name='measured_use_measure_known'),
        ),
        migrations.AddConstraint(
            model_name='measureduse',
            constraint=models.CheckConstraint(condition=models.Q(('problem__in', ['', 'away', 'refused', 'gone', 'incredible'])), name='measured_use_problem_known'),
        ),
        migrations.AddConstraint(
            model_name='measureduse',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at', None), ('ended_at__gte', models.F('started_at')), _connector='OR'), name='measured_use_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='measureduse',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('started_at__isnull', True), ('started_at', billing.models.moments.WholeSecond(models.F('started_at'))), _connector='OR'), models.Q(('ended_at__isnull', True), ('ended_at', billing.models.moments.WholeSecond(models.F('ended_at'))), _connector='OR'), models.Q(('tried_at__isnull', True), ('tried_at', billing.models.moments.WholeSecond(models.F('tried_at'))), _connector='OR')), name='measured_use_counts_whole_seconds'),
        ),
        migrations.AddConstraint(
            model_name='usagesample',
            constraint=models.UniqueConstraint(fields=('use', 'measured_at'), name='usage_sample_one_at_a_moment'),
        ),
        migrations.AddConstraint(
            model_name='usagesample',
            constraint=models.CheckConstraint(condition=models.Q(('value__gte', 0)), name='usage_sample_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='usagesample',
            constraint=models.CheckConstraint(condition=models.Q(('measured_at__isnull', True), ('measured_at', billing.models.moments.WholeSecond(models.F('measured_at'))), _connector='OR'), name='usage_sample_on_a_whole_second'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
