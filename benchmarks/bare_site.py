"""The baseline of ``bench_api_recording.py``: a whole Django project in one file, which does nothing else.

No middleware, one table, one view that reads a JSON body and inserts one row. The database is set as the
site's own: WAL, ``synchronous=FULL``, writers that wait for their turn, connections that stay open.
"""

from __future__ import annotations

import json
import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["BARE_DATABASE"],
            **json.loads(os.environ["BARE_OPTIONS"]),
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="signs nothing",  # noqa: S106
    USE_TZ=True,
)
django.setup()


class Row(models.Model):  # noqa: DJ008 - nobody is shown one
    entry_id = models.UUIDField()
    service_id = models.BigIntegerField()
    prompt_tokens = models.BigIntegerField()
    completion_tokens = models.BigIntegerField()
    direction = models.CharField(max_length=8)

    class Meta:
        app_label = "bare"


def insert(request: HttpRequest) -> JsonResponse:
    told = json.loads(request.body)
    row = Row.objects.create(**told)
    return JsonResponse({"id": row.pk}, status=201)


def make_table() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Row)


urlpatterns = [path("", insert)]
application = get_wsgi_application()
