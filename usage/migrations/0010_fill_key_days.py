from datetime import timezone

from django.db import migrations
from django.db.models import F, Sum


def fill(apps, schema_editor):
    """What keys consumed before there were budgets, from the rollups of whole days."""
    rollups = apps.get_model("usage", "UsageRollup")
    days = apps.get_model("usage", "KeyDay")
    rows = (
        rollups.objects.filter(grain="day", direction="consume", key_id__gt=0)
        .order_by()
        .values_list("key_id", "starts_at")
        .annotate(
            Sum("entries"),
            tokens=Sum(F("prompt_tokens") + F("completion_tokens")),
            nanos=Sum("cost_nanos"),
            unpriced=Sum("unpriced_tokens"),
        )
    )
    days.objects.bulk_create(
        [
            days(
                key_id=key,
                day=starts_at.astimezone(timezone.utc).date(),
                entries=int(entries),
                tokens=int(tokens),
                cost_nanos=int(nanos),
                unpriced_tokens=int(unpriced),
            )
            for key, starts_at, entries, tokens, nanos, unpriced in rows
        ],
        batch_size=500,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('usage', '0009_keys_and_budgets'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
