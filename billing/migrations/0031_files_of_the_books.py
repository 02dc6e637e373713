"""Files by the clock of all that is in the books: statements, e-invoices and journal lines."""

from django.db import migrations, models

KINDS = [
    ("focus_csv", "Every charge (FOCUS, CSV)"),
    ("focus_parquet", "Every charge (FOCUS, Parquet)"),
    ("journal", "Journal lines (CSV)"),
    ("journal_xlsx", "Journal lines (XLSX)"),
    ("statements", "Statements (PDF, in a ZIP)"),
    ("e_invoices", "E-invoices (UBL, in a ZIP)"),
    ("costs", "Costs per service (XLSX)"),
]
OF_CLOSED_MONTHS = ["journal", "journal_xlsx", "statements", "e_invoices"]


class Migration(migrations.Migration):
    dependencies = [("billing", "0030_daily_files_are_kept_shortly")]

    operations = [
        migrations.AlterField(
            model_name="fileschedule",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=16),
        ),
        migrations.RemoveConstraint(
            model_name="fileschedule", name="file_schedule_of_known_words"
        ),
        migrations.AddConstraint(
            model_name="fileschedule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    kind__in=[kind for kind, _label in KINDS], rhythm__in=["daily", "closing"]
                ),
                name="file_schedule_of_known_words",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="fileschedule", name="file_schedule_journal_is_of_closed_months"
        ),
        migrations.AddConstraint(
            model_name="fileschedule",
            constraint=models.CheckConstraint(
                condition=~models.Q(kind__in=OF_CLOSED_MONTHS) | models.Q(rhythm="closing"),
                name="file_schedule_of_the_books_is_of_closed_months",
            ),
        ),
    ]
