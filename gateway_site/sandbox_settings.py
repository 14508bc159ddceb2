"""Settings of the sandbox Exchange: a Django project of its own, which the gateway meets over HTTP alone."""

import logging
import os
from pathlib import Path
from typing import Any

import environ
from django.core.management.utils import get_random_secret_key
from django.utils.log import CallbackFilter

from gateway_site import environment as env
from gateway_site.config import load_config

BASE_DIR = Path(__file__).resolve().parent.parent

env.read_dotenv(BASE_DIR, os.environ)
env.resolve_files(os.environ, ["SANDBOX_DATABASE_URL"])
ENVIRONMENT = load_config(BASE_DIR).environment  # sandbox.E001 refuses live

# It signs nothing, so no deployment has to hand it a key.
SECRET_KEY = get_random_secret_key()
DEBUG = False
# Any host: it signs nothing, builds no links, holds no real data, and is refused in live.
# The control endpoint has a guard of its own.
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["sandbox.apps.SandboxConfig"]
MIDDLEWARE = ["sandbox.middleware.finish_answers", "sandbox.middleware.misbehave"]
ROOT_URLCONF = "sandbox.urls"
WSGI_APPLICATION = "sandbox.wsgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.read_url(
        os.environ,
        "SANDBOX_DATABASE_URL",
        f"sqlite:///{BASE_DIR / 'var' / 'sandbox.sqlite3'}",
        environ.Env.db_url_config,
    )
}
DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # var/ is the gateway's too; the file itself is made by who may serve it
    Path(DATABASES["default"]["NAME"]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits its turn instead of failing half-way
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }


def _is_a_failure(record: logging.LogRecord) -> bool:
    # A refusal, or a 503 that it was told to answer, is the sandbox at work: only a traceback is news.
    return record.exc_info is not None


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "[sandbox] %(message)s"}},
    "filters": {"failures": {"()": CallbackFilter, "callback": _is_a_failure}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "plain"},
        "failures": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["failures"]},
    },
    "loggers": {
        "django.request": {"handlers": ["failures"], "level": "ERROR", "propagate": False},
        "django.security": {"level": "CRITICAL"},  # what it refuses is answered, and no news
        "sandbox": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
}
