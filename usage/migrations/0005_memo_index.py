from django.db import migrations


def create(apps, schema_editor):
    from usage.memos.index import create

    create(schema_editor.connection)


def drop(apps, schema_editor):
    from usage.memos.index import drop

    drop(schema_editor.connection)


class Migration(migrations.Migration):
    """The full-text index of memos: no model, because each database has its own kind."""

    dependencies = [("usage", "0004_delivery_holds")]
    operations = [migrations.RunPython(create, drop)]
