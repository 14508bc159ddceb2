"""The sandbox as a WSGI app: `gunicorn sandbox.wsgi:application --worker-class gthread --threads 8`.

Its database has to be migrated already (docs/sandbox.md says how). gunicorn runs no checks, so this does.
"""

import os

from django.core.exceptions import ImproperlyConfigured

from sandbox.content_type import sandbox_application

# Set, not defaulted: a deployment that names the gateway's settings for all its processes means the gateway.
os.environ["DJANGO_SETTINGS_MODULE"] = "gateway_site.sandbox_settings"

application = sandbox_application()


def _refuse_what_the_checks_refuse() -> None:
    from django.core.checks import run_checks

    for problem in run_checks():
        if problem.is_serious():
            # An exception rather than an exit: gunicorn then stops instead of starting worker after worker.
            raise ImproperlyConfigured(f"({problem.id}) {problem.msg} {problem.hint or ''}".strip())


_refuse_what_the_checks_refuse()
