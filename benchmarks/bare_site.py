"""The baseline of what is asked over HTTP: a whole Django project in one file, which does nothing else.

No middleware, one table, two views: one reads a JSON body and inserts one row, the other shows the newest
fifty rows by a template. The database is set as the site's own: on SQLite WAL, ``synchronous=FULL`` and
writers that wait for their turn; connections that stay open.
"""

from __future__ import annotations

import json
import os
import uuid

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import path

SHOWN = 50

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": json.loads(os.environ["BARE_DATABASE"])},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[],
    LOGGING_CONFIG=None,
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="signs nothing",  # noqa: S106
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
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


page = engines["django"].from_string(
    "<!doctype html><title>Rows</title><table>{% for row in rows %}<tr><td>{{ row.entry_id }}</td>"
    "<td>{{ row.service_id }}</td><td>{{ row.prompt_tokens }}</td><td>{{ row.completion_tokens }}</td>"
    "<td>{{ row.direction }}</td></tr>{% endfor %}</table>"
)


def insert(request: HttpRequest) -> JsonResponse:
    told = json.loads(request.body)
    row = Row.objects.create(**told)
    return JsonResponse({"id": row.pk}, status=201)


def show(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(page.render({"rows": Row.objects.order_by("-pk")[:SHOWN]}))


def make_table() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Row)
    Row.objects.bulk_create(
        Row(
            entry_id=uuid.uuid4(),
            service_id=1,
            prompt_tokens=1200,
            completion_tokens=300,
            direction="consume",
        )
        for _ in range(SHOWN)
    )


urlpatterns = [path("", insert), path("page", show)]
application = get_wsgi_application()
