"""Rules say who approves: several humans, people of a higher part of the tree, or nobody at all.

An order goes on when as many humans said yes as it was placed for, or when the rule did that it
was placed with. What a rule says was proposed by one human and confirmed by another, and stays.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"


def order_guards(is_approved: str, resource_is_approved: str) -> str:
    """The two functions that ask whether an order was approved."""
    return f"""
CREATE OR REPLACE FUNCTION public.catalog_guard_order() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NEW.requested_by_id <> OLD.requested_by_id THEN
        RAISE EXCEPTION 'who asked for an order never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_requester_never_changes';
    END IF;
    IF OLD.state IN ('rejected', 'withdrawn', 'expired') AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'an order that ended stays ended'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_that_ended_stays_ended';
    END IF;
    IF NEW.state NOT IN ('pending_approval', 'rejected', 'withdrawn', 'expired')
       AND NOT {is_approved} THEN
        RAISE EXCEPTION 'an order goes on only after an approval'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_goes_on_only_after_approval';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION public.catalog_guard_new_resource() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NEW.order_line_id IS NOT NULL AND NOT {resource_is_approved} THEN
        RAISE EXCEPTION 'nothing is made for an order that nobody approved'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_of_an_approved_order';
    END IF;
    RETURN NEW;
END $$;
"""


COUNTED = "public.catalog_order_is_approved(NEW.id)"
COUNTED_OF_LINE = """(
        SELECT public.catalog_order_is_approved(order_id) FROM public.catalog_orderline
        WHERE id = NEW.order_line_id
    )"""
FORBID = f"""
CREATE FUNCTION public.catalog_order_is_approved(asked bigint) RETURNS boolean LANGUAGE sql
    STABLE {PINNED} AS $$
    SELECT count(approval.id) FILTER (WHERE approval.approver_id IS NULL) > 0
        OR count(approval.id) >= greatest(
            1, coalesce((orders.conditions -> 'approval' ->> 'needed')::integer, 1)
        )
    FROM public.catalog_order AS orders
    LEFT JOIN public.catalog_approval AS approval
        ON approval.order_id = orders.id AND approval.decision = 'approved'
    WHERE orders.id = asked
    GROUP BY orders.id
$$;
{order_guards(COUNTED, COUNTED_OF_LINE)}
CREATE FUNCTION public.catalog_guard_approval_by_rule() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM public.catalog_order AS orders, public.catalog_approvalruleversion AS version
        WHERE orders.id = NEW.order_id AND version.id = NEW.rule_version_id
            AND orders.conditions -> 'approval' ->> 'automatic' = version.public_id::text
    ) THEN
        RAISE EXCEPTION 'a rule approves what was placed with it'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'approval_by_the_rule_of_the_order';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approval_by_the_rule_of_the_order BEFORE INSERT ON public.catalog_approval
    FOR EACH ROW WHEN (NEW.approver_id IS NULL AND NEW.rule_version_id IS NOT NULL)
    EXECUTE FUNCTION public.catalog_guard_approval_by_rule();
DROP TRIGGER approval_given_by_another_human ON public.catalog_approval;
CREATE TRIGGER approval_given_by_another_human BEFORE INSERT ON public.catalog_approval
    FOR EACH ROW WHEN (NEW.approver_id IS NOT NULL)
    EXECUTE FUNCTION public.identity_guard_other_humans('requester_id', 'approver_id');

CREATE FUNCTION public.catalog_guard_approval_rule() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'a rule stays; its versions say when it ended'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'approval_rule_stays';
END $$;
CREATE TRIGGER approval_rule_stays BEFORE UPDATE OR DELETE ON public.catalog_approvalrule
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_approval_rule();

CREATE FUNCTION public.catalog_guard_approval_rule_version() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
DECLARE
    later text[] := ARRAY['state', 'decided_by_id', 'decided_at', 'decision_reason', 'ended_at'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'proposed' THEN
            RAISE EXCEPTION 'what a rule says begins as a proposal'
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = 'approval_rule_begins_as_a_proposal';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE'
       OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later
       OR (OLD.state <> 'proposed'
           AND to_jsonb(NEW) - 'ended_at' IS DISTINCT FROM to_jsonb(OLD) - 'ended_at')
       OR (OLD.ended_at IS NOT NULL AND NEW.ended_at IS DISTINCT FROM OLD.ended_at)
    THEN
        RAISE EXCEPTION 'what was proposed, and what was decided, never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'approval_rule_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER approval_rule_guard
    BEFORE INSERT OR UPDATE OR DELETE ON public.catalog_approvalruleversion
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_approval_rule_version();
CREATE TRIGGER approval_rule_decided_by_another_human
    BEFORE INSERT OR UPDATE ON public.catalog_approvalruleversion
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL AND NEW.state <> 'withdrawn')
    EXECUTE FUNCTION public.identity_guard_other_humans('proposed_by_id', 'decided_by_id');
"""
ANY_APPROVAL = """EXISTS (SELECT 1 FROM public.catalog_approval
                       WHERE order_id = NEW.id AND decision = 'approved')"""
ANY_APPROVAL_OF_LINE = """EXISTS (SELECT 1 FROM public.catalog_orderline AS line
                       JOIN public.catalog_approval AS approval
                         ON approval.order_id = line.order_id
                       WHERE line.id = NEW.order_line_id AND approval.decision = 'approved')"""
ALLOW = f"""
DROP TRIGGER approval_rule_decided_by_another_human ON public.catalog_approvalruleversion;
DROP TRIGGER approval_rule_guard ON public.catalog_approvalruleversion;
DROP FUNCTION public.catalog_guard_approval_rule_version();
DROP TRIGGER approval_rule_stays ON public.catalog_approvalrule;
DROP FUNCTION public.catalog_guard_approval_rule();
DROP TRIGGER approval_given_by_another_human ON public.catalog_approval;
CREATE TRIGGER approval_given_by_another_human BEFORE INSERT ON public.catalog_approval
    FOR EACH ROW EXECUTE FUNCTION public.identity_guard_other_humans('requester_id', 'approver_id');
DROP TRIGGER approval_by_the_rule_of_the_order ON public.catalog_approval;
DROP FUNCTION public.catalog_guard_approval_by_rule();
{order_guards(ANY_APPROVAL, ANY_APPROVAL_OF_LINE)}
DROP FUNCTION public.catalog_order_is_approved(bigint);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0022_carts'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ApprovalRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=60)),
            ],
        ),
        migrations.CreateModel(
            name='ApprovalRuleVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('number', models.PositiveSmallIntegerField()),
                ('amount_from', models.DecimalField(decimal_places=2, default=0, max_digits=14)),
                ('kinds', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None)),
                ('protection_level', models.PositiveSmallIntegerField(null=True)),
                ('personal_data', models.BooleanField(default=False)),
                ('automatic_below', models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ('people_of_project', models.PositiveSmallIntegerField(default=1)),
                ('people_of_node', models.PositiveSmallIntegerField(default=0)),
                ('ends_rule', models.BooleanField(default=False)),
                ('ended_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['number'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='approval',
            name='approval_given_by_a_person',
        ),
        migrations.AddField(
            model_name='order',
            name='waits_for',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.node'),
        ),
        migrations.AddField(
            model_name='approvalrule',
            name='node',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='approval_rules', to='identity.node'),
        ),
        migrations.AddField(
            model_name='approvalruleversion',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approvalruleversion',
            name='proposed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approvalruleversion',
            name='rule',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='catalog.approvalrule'),
        ),
        migrations.AddField(
            model_name='approval',
            name='rule_version',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='approvals', to='catalog.approvalruleversion'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('approver__isnull', False), ('rule', ''), ('rule_version', None)), models.Q(('approver', None), ('decision', 'approved'), ('rule_version__isnull', False), models.Q(('rule', ''), _negated=True)), _connector='OR'), name='approval_given_by_a_person_or_by_a_rule'),
        ),
        migrations.AddConstraint(
            model_name='approvalrule',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='approval_rule_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='approval_rule_state_known'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='approval_rule_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='approval_rule_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='approval_rule_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.UniqueConstraint(fields=('rule', 'number'), name='approval_rule_version_unique'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None), ('state', 'confirmed')), fields=('rule',), name='approval_rule_one_version_in_force'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('rule',), name='approval_rule_one_waits'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('amount_from__gte', 0), models.Q(('automatic_below', None), ('automatic_below__gt', 0), _connector='OR')), name='approval_rule_amounts_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('protection_level', None), ('protection_level__range', (1, 4)), _connector='OR'), name='approval_rule_protection_level_known'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('people_of_project__gte', 1), ('people_of_node__gte', 1), _connector='OR'), name='approval_rule_asks_somebody'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at', None), ('state', 'confirmed'), _connector='OR'), name='approval_rule_ended_was_in_force'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
