"""A budget has an amount for each month, tells when it runs out, and keeps what it was."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

import billing.models.budget

# NULL where an array holds one: so each condition must be true, not just not false.
GUARD = """
ALTER TABLE {table} ADD CONSTRAINT {name}_months_add_up CHECK (month_amounts IS NULL OR (
    cardinality(month_amounts) = 12 AND 0 <= ALL (month_amounts)
    AND month_amounts[1] + month_amounts[2] + month_amounts[3] + month_amounts[4]
      + month_amounts[5] + month_amounts[6] + month_amounts[7] + month_amounts[8]
      + month_amounts[9] + month_amounts[10] + month_amounts[11] + month_amounts[12] = amount
    ) IS TRUE);
ALTER TABLE {table} ADD CONSTRAINT {name}_alerts_are_percentages CHECK (
    (1 <= ALL (alert_percentages) AND 200 >= ALL (alert_percentages)) IS TRUE);
"""
UNGUARD = """
ALTER TABLE {table} DROP CONSTRAINT {name}_alerts_are_percentages;
ALTER TABLE {table} DROP CONSTRAINT {name}_months_add_up;
"""
FORBID = """
CREATE FUNCTION public.billing_guard_past_budget() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what a budget was is never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'past_budget_keeps';
END $$;
CREATE TRIGGER past_budget_keeps BEFORE UPDATE OR DELETE ON billing_pastbudget
    FOR EACH ROW EXECUTE FUNCTION billing_guard_past_budget();
"""
ALLOW = """
DROP TRIGGER past_budget_keeps ON billing_pastbudget;
DROP FUNCTION billing_guard_past_budget();
"""
NAMES = [
    {"table": "billing_budget", "name": "budget"},
    {"table": "billing_pastbudget", "name": "past_budget"},
]


def month_amounts():
    amount = models.DecimalField(decimal_places=2, max_digits=14)
    return django.contrib.postgres.fields.ArrayField(
        base_field=amount, default=None, null=True, size=None
    )


def alert_percentages():
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.PositiveSmallIntegerField(),
        db_default=[80, 100],
        default=billing.models.budget.usual_alerts,
        size=None,
    )


def person():
    return models.ForeignKey(
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


def facts():
    return [
        ("month_amounts", month_amounts()),
        ("alert_percentages", alert_percentages()),
        ("is_hard_stop", models.BooleanField(db_default=False, default=False)),
        ("set_at", models.DateTimeField(db_default=Now(), default=django.utils.timezone.now)),
        ("set_by", person()),
        ("reason", models.CharField(blank=True, db_default="", default="", max_length=300)),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0012_summaries_by_allocation"),
        ("identity", "0018_links_that_wait_may_end"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *[
            migrations.AddField(model_name="budget", name=name, field=field)
            for name, field in facts()
        ],
        migrations.CreateModel(
            name="PastBudget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("year", models.PositiveSmallIntegerField()),
                ("amount", models.DecimalField(decimal_places=2, max_digits=14)),
                *facts(),
                ("replaced_at", models.DateTimeField()),
                ("replaced_by", person()),
                ("end_reason", models.CharField(blank=True, max_length=300)),
                (
                    "node",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="past_budgets",
                        to="identity.node",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["node", "year", "-id"], name="past_budget_of_node")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("replaced_at__gte", models.F("set_at"))),
                        name="past_budget_ends_after_it_began",
                    )
                ],
            },
        ),
        *[migrations.RunSQL(GUARD.format(**names), UNGUARD.format(**names)) for names in NAMES],
        migrations.RunSQL(FORBID, ALLOW),
        migrations.CreateModel(
            name='BudgetAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('year', models.PositiveSmallIntegerField()),
                ('measure', models.CharField(choices=[('realised', 'Realised'), ('expected', 'Expected')], max_length=8)),
                ('percentage', models.PositiveSmallIntegerField()),
                ('holds', models.BooleanField(default=True)),
                ('since', models.DateTimeField()),
                ('told_at', models.DateTimeField(null=True)),
                ('node', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='identity.node')),
            ],
        ),
        migrations.CreateModel(
            name='BudgetLetter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('alerts', models.ManyToManyField(related_name='letters', to='billing.budgetalert')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddConstraint(
            model_name='budgetalert',
            constraint=models.UniqueConstraint(fields=('node', 'year', 'measure', 'percentage'), name='budget_alert_once_a_year'),
        ),
        migrations.AddConstraint(
            model_name='budgetalert',
            constraint=models.CheckConstraint(condition=models.Q(('measure__in', ['realised', 'expected'])), name='budget_alert_measure_known'),
        ),
        migrations.AddIndex(
            model_name='budgetletter',
            index=models.Index(condition=models.Q(('sent_at', None)), fields=['due_at'], name='budget_letter_unsent'),
        ),
    ]
