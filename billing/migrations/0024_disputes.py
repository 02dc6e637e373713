"""A line that is disputed by who pays; and what has no use behind it is never given back of."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
GUARD = f"""
CREATE FUNCTION public.billing_guard_dispute() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
DECLARE
    later text[] := ARRAY['state', 'decided_by_id', 'decided_at', 'decision_reason', 'credit_id'];
BEGIN
    IF TG_OP = 'INSERT' AND NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'a dispute begins without an answer'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'dispute_begins_without_an_answer';
    END IF;
    IF TG_OP <> 'DELETE' AND (
        SELECT line.kind NOT IN ('usage', 'correction') OR month.state <> 'closed'
        FROM billing_statementline AS line
        JOIN billing_statement AS statement ON statement.id = line.statement_id
        JOIN billing_billingmonth AS month ON month.id = statement.month_id
        WHERE line.id = NEW.line_id
    ) THEN
        RAISE EXCEPTION 'only what was charged by a closed month is disputed'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'dispute_is_of_what_was_charged';
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.credit_id IS NOT NULL AND NEW.line_id IS DISTINCT FROM (
        SELECT line_id FROM billing_credit WHERE id = NEW.credit_id
    ) THEN
        RAISE EXCEPTION 'what is given back is of the line that was disputed'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'dispute_gives_back_of_its_line';
    END IF;
    IF TG_OP = 'INSERT' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE'
       OR OLD.state <> 'proposed'
       OR to_jsonb(NEW) - later IS DISTINCT FROM to_jsonb(OLD) - later
    THEN
        RAISE EXCEPTION 'what was disputed, and what was answered, never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'dispute_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER dispute_guarded BEFORE INSERT OR UPDATE OR DELETE ON billing_dispute
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_dispute();
CREATE TRIGGER dispute_answered_by_another_human BEFORE INSERT OR UPDATE ON billing_dispute
    FOR EACH ROW WHEN (NEW.decided_by_id IS NOT NULL AND NEW.state <> 'withdrawn')
    EXECUTE FUNCTION public.identity_guard_other_humans('proposed_by_id', 'decided_by_id');
CREATE TRIGGER dispute_never_truncated BEFORE TRUNCATE ON billing_dispute
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
"""
# The table goes with the migration, and its triggers with it.
UNGUARD = "DROP FUNCTION public.billing_guard_dispute() CASCADE;"
OF_USE = f"""
CREATE FUNCTION public.billing_guard_new_credit() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF (SELECT kind FROM billing_statementline WHERE id = NEW.line_id)
        NOT IN ('usage', 'correction')
    THEN
        RAISE EXCEPTION 'of what was given back or set off nothing is given back'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'credit_is_of_use';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credit_is_of_use BEFORE INSERT ON billing_credit
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_new_credit();
"""
OF_ANYTHING = "DROP FUNCTION public.billing_guard_new_credit() CASCADE;"


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0022_measured_samples'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('confirmed', 'Confirmed'), ('refused', 'Refused'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                ('proposed_at', models.DateTimeField()),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=1000)),
                ('reason', models.CharField(max_length=1000)),
                ('credit', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='dispute', to='billing.credit')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('line', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='billing.statementline')),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='dispute_state_known'), models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='dispute_decided_by_another_person'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='dispute_decision_names_who_and_when'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='dispute_refusal_has_a_reason'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='dispute_has_a_reason'), models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('line',), name='dispute_one_of_a_line_waits'), models.CheckConstraint(condition=models.Q(models.Q(('credit__isnull', False), ('state', 'confirmed')), models.Q(models.Q(('state', 'confirmed'), _negated=True), ('credit', None)), _connector='OR'), name='dispute_granted_gives_back')],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
        migrations.RunSQL(OF_USE, OF_ANYTHING),
    ]
