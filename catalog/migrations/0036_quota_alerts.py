"""What is the matter with quotas, letters about it, and the largest claims by an index."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0035_reserved_claims_found'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='QuotaAlert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('nearly_full', 'Nearly full'), ('over', 'Over its limit'), ('full_soon', 'Full soon')], max_length=12)),
                ('since', models.DateTimeField()),
                ('told_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='QuotaLetter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('day', models.DateField()),
            ],
        ),
        migrations.AlterField(
            model_name='quotaclaimline',
            name='quota',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='claim_lines', to='catalog.quota'),
        ),
        migrations.AddIndex(
            model_name='quotaclaimline',
            index=models.Index(fields=['quota', '-amount'], name='quota_claim_line_largest'),
        ),
        migrations.AddIndex(
            model_name='quotareading',
            index=models.Index(fields=['day'], name='quota_reading_by_day'),
        ),
        migrations.AddField(
            model_name='quotaalert',
            name='quota',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='catalog.quota'),
        ),
        migrations.AddField(
            model_name='quotaletter',
            name='alerts',
            field=models.ManyToManyField(related_name='letters', to='catalog.quotaalert'),
        ),
        migrations.AddField(
            model_name='quotaletter',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='quotaalert',
            constraint=models.UniqueConstraint(fields=('quota', 'kind'), name='quota_alert_one_per_kind'),
        ),
        migrations.AddConstraint(
            model_name='quotaalert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['nearly_full', 'over', 'full_soon'])), name='quota_alert_kind_known'),
        ),
        migrations.AddIndex(
            model_name='quotaletter',
            index=models.Index(condition=models.Q(('sent_at', None)), fields=['due_at'], name='quota_letter_unsent'),
        ),
        migrations.AddConstraint(
            model_name='quotaletter',
            constraint=models.UniqueConstraint(fields=('person', 'day'), name='quota_letter_one_a_day'),
        ),
    ]
