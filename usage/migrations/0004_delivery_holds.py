import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_api_keys'),
        ('usage', '0003_triggers'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeliveryHold',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='delivery_hold', serialize=False, to='accounts.exchangeaccount', verbose_name='account')),
                ('until', models.DateTimeField(verbose_name='until')),
                ('failures', models.PositiveIntegerField(default=0, verbose_name='failures in a row')),
                ('error', models.TextField(blank=True, default='', verbose_name='error')),
            ],
            options={
                'verbose_name': 'delivery hold',
                'verbose_name_plural': 'delivery holds',
            },
        ),
        migrations.AddField(
            model_name='deliveryqueue',
            name='restored_at',
            field=models.DateTimeField(null=True, verbose_name='backup restored'),
        ),
        migrations.AddField(
            model_name='deliveryqueue',
            name='restored_heads',
            field=models.CharField(blank=True, default='', max_length=64),
        ),
        migrations.AddField(
            model_name='deliveryqueue',
            name='queue_id',
            field=models.UUIDField(default=uuid.uuid4, editable=False),
        ),
        migrations.AddField(
            model_name='deliveryqueue',
            name='claims',
            field=models.BigIntegerField(default=0, editable=False),
        ),
    ]
