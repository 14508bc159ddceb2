"""The site as a WSGI application. gunicorn runs no system checks, so this does, and refuses."""

import gc
import io
import os
import sys

from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.core.wsgi import get_wsgi_application

from gateway_site.config import ConfigError
from gateway_site.content_type import read_as_utf_8
from gateway_site.databases import WEB

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_site.settings")
# before the settings are read: a request has less time than a command
os.environ.setdefault(WEB, "1")
# gunicorn's code for "does not start": with another it would start worker after worker, for ever
CANNOT_START = 3

try:
    application = read_as_utf_8(get_wsgi_application())
    call_command("check", stdout=io.StringIO())
    # what is loaded by now stays: requests shall not wait while it is looked through for garbage
    gc.freeze()
except ConfigError as error:
    sys.stderr.write(f"Configuration: {error}\n")
    sys.exit(CANNOT_START)
except SystemCheckError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(CANNOT_START)
