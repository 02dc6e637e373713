"""What is set off against credits is a line of its own; tables that only grow are never emptied."""

from django.db import migrations, models

KEEP = """
CREATE TRIGGER allocation_fact_never_truncated BEFORE TRUNCATE ON billing_allocationfact
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER past_budget_never_truncated BEFORE TRUNCATE ON billing_pastbudget
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER metered_resource_never_truncated BEFORE TRUNCATE ON billing_meteredresource
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER usage_span_never_truncated BEFORE TRUNCATE ON billing_usagespan
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
"""
ALLOW = """
DROP TRIGGER usage_span_never_truncated ON billing_usagespan;
DROP TRIGGER metered_resource_never_truncated ON billing_meteredresource;
DROP TRIGGER past_budget_never_truncated ON billing_pastbudget;
DROP TRIGGER allocation_fact_never_truncated ON billing_allocationfact;
"""


# Backwards, and first of all: statements that are closed would no longer add up.
KEEP_SET_OFFS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM public.billing_statementline WHERE kind = 'set_off') THEN
        RAISE EXCEPTION 'a statement has a set-off: before migration 0017 the database could not'
            ' keep that, so it does not go back and nothing was changed';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0016_rounds_that_begin_late_or_never")]

    operations = [
        migrations.RemoveConstraint(
            model_name="statementline", name="statement_line_kind_known"
        ),
        migrations.AlterField(
            model_name="statementline",
            name="kind",
            field=models.CharField(
                choices=[
                    ("usage", "Use"),
                    ("correction", "Correction"),
                    ("credit", "Credit"),
                    ("set_off", "Set-off"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="statementline",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["usage", "correction", "credit", "set_off"])),
                name="statement_line_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="statementline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "set_off"), _negated=True),
                    models.Q(("corrects__isnull", False), ("quantity", 0)),
                    _connector="OR",
                ),
                name="statement_line_of_set_off_says_of_what",
            ),
        ),
        migrations.RunSQL(KEEP, ALLOW),
        migrations.RunSQL(migrations.RunSQL.noop, KEEP_SET_OFFS),
    ]
