import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0002_api_keys"),
        ("usage", "0005_memo_index"),
    ]

    operations = [
        migrations.CreateModel(
            name="OpeningBalance",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="opening_balance",
                        serialize=False,
                        to="accounts.exchangeaccount",
                        verbose_name="account",
                    ),
                ),
                ("taken_at", models.DateTimeField(verbose_name="taken")),
                ("consumed_tokens", models.BigIntegerField(default=0, verbose_name="consumed")),
                ("supplied_tokens", models.BigIntegerField(default=0, verbose_name="supplied")),
                ("last_id", models.BigIntegerField(null=True, verbose_name="their newest number")),
            ],
            options={
                "verbose_name": "opening balance",
                "verbose_name_plural": "opening balances",
            },
        ),
    ]
