"""A line is found by its claim through its constraint, and the largest in an order that stays."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0038_changes_name_their_request'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='quotaclaimline',
            name='quota_claim_line_largest',
        ),
        migrations.AlterField(
            model_name='quotaclaimline',
            name='claim',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='catalog.quotaclaim'),
        ),
        migrations.AddIndex(
            model_name='quotaclaimline',
            index=models.Index(fields=['quota', '-amount', 'id'], name='quota_claim_line_by_size'),
        ),
    ]
