"""Limits are handed out, and somebody said so: changes of limits, requests for them, readings.

Where the levels below hold more than a level has, as until now was possible, that stays allowed.
"""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
CREATE FUNCTION public.catalog_guard_limit_change() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'that a limit was set never changes'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'limit_change_is_append_only';
END $$;
CREATE TRIGGER limit_change_guard BEFORE UPDATE OR DELETE ON public.catalog_limitchange
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_limit_change();

-- A cart that is thrown away is forgotten; nothing else changes but the decision.
CREATE FUNCTION public.catalog_guard_quota_request() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    later text[] := ARRAY['state', 'decided_by_id', 'decided_at', 'decision_reason', 'cart_id'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'proposed' THEN
            RAISE EXCEPTION 'a request begins as a proposal'
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = 'quota_request_begins_as_a_proposal';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE'
       OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later
       OR (OLD.state <> 'proposed'
           AND to_jsonb(NEW) - 'cart_id' IS DISTINCT FROM to_jsonb(OLD) - 'cart_id')
       OR (NEW.cart_id IS NOT NULL AND NEW.cart_id IS DISTINCT FROM OLD.cart_id)
    THEN
        RAISE EXCEPTION 'what was asked, and what was decided, never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'quota_request_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER quota_request_guard
    BEFORE INSERT OR UPDATE OR DELETE ON public.catalog_quotarequest
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_quota_request();
CREATE TRIGGER quota_request_decided_by_another_human
    BEFORE INSERT OR UPDATE ON public.catalog_quotarequest
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL AND NEW.state <> 'withdrawn')
    EXECUTE FUNCTION public.identity_guard_other_humans('proposed_by_id', 'decided_by_id');
"""
ALLOW = """
DROP TRIGGER quota_request_decided_by_another_human ON public.catalog_quotarequest;
DROP TRIGGER quota_request_guard ON public.catalog_quotarequest;
DROP FUNCTION public.catalog_guard_quota_request();
DROP TRIGGER limit_change_guard ON public.catalog_limitchange;
DROP FUNCTION public.catalog_guard_limit_change();
"""
ALLOW_WHAT_IS_SO = """
UPDATE public.catalog_quota AS parent SET overcommit_allowed = true
WHERE parent.limit_now IS NOT NULL AND EXISTS (
    SELECT FROM public.catalog_quota AS below
    JOIN public.identity_node AS node ON node.id = below.node_id AND node.ended_at IS NULL
    WHERE node.parent_id = parent.node_id AND below.metric = parent.metric
    HAVING bool_or(below.limit_now IS NULL) OR sum(below.limit_now) > parent.limit_now
);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0033_no_longest_term'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='quota',
            name='overcommit_allowed',
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name='LimitChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('before', models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ('amount', models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('quota', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='catalog.quota')),
            ],
            options={
                'ordering': ['-changed_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='QuotaReading',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('claimed', models.DecimalField(decimal_places=6, max_digits=20)),
                ('limit', models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                ('quota', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='readings', to='catalog.quota')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('quota', 'day'), name='quota_reading_one_a_day')],
            },
        ),
        migrations.CreateModel(
            name='QuotaRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('metric', models.CharField(choices=[('servers', 'Servers'), ('vcpus', 'Processors'), ('memory_gib', 'Memory'), ('volume_gib', 'Disk'), ('volumes', 'Disks'), ('snapshots', 'Snapshots'), ('networks', 'Networks'), ('routers', 'Routers'), ('floating_ips', 'Public addresses'), ('load_balancers', 'Load balancers'), ('object_gib', 'Object storage'), ('dns_zones', 'DNS zones'), ('monthly_cost_eur', 'Cost per month')], max_length=20)),
                ('before', models.DecimalField(decimal_places=6, max_digits=20)),
                ('amount', models.DecimalField(decimal_places=6, max_digits=20)),
                ('valid_until', models.DateTimeField(null=True)),
                ('reason', models.CharField(max_length=500)),
                ('cart', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.cart')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('node', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.node')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='quota_request_state_known'), models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='quota_request_decided_by_another_person'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='quota_request_decision_names_who_and_when'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='quota_request_refusal_has_a_reason'), models.CheckConstraint(condition=models.Q(('metric__in', ['servers', 'vcpus', 'memory_gib', 'volume_gib', 'volumes', 'snapshots', 'networks', 'routers', 'floating_ips', 'load_balancers', 'object_gib', 'dns_zones', 'monthly_cost_eur'])), name='quota_request_metric_known'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='quota_request_asks_something'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='quota_request_has_a_reason'), models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('node', 'metric'), name='quota_request_one_waits')],
            },
        ),
        migrations.RunSQL(FORBID, ALLOW),
        migrations.RunSQL(ALLOW_WHAT_IS_SO, migrations.RunSQL.noop),
    ]
