from django.db import migrations


def install(apps, schema_editor):
    from usage.triggers import install

    install(schema_editor.connection)


def drop(apps, schema_editor):
    from usage.triggers import drop

    drop(schema_editor.connection)


class Migration(migrations.Migration):
    """The ledger becomes append-only, by the database itself; post_migrate sees that it stays so."""

    dependencies = [("usage", "0002_ledger")]
    operations = [migrations.RunPython(install, drop)]
