"""Settings for the test suite: the site's own, in the ``test`` environment, with nothing of this machine's.

``TEST_DATABASE_URL`` runs the suite on another database; the default is SQLite in a file, as a deployment
has it. ``TEST_SQLITE_PATH`` puts that file elsewhere, so that two runs at once do not meet.
"""

import os

from gateway_site.environment import DEPLOYMENT_VARIABLES

for name in list(os.environ):
    if name.startswith("TOKLIGENCE_") or name.removesuffix("_FILE") in DEPLOYMENT_VARIABLES:
        del os.environ[name]
os.environ["TOKLIGENCE_ENVIRONMENT"] = "test"
os.environ["SECRET_KEY"] = "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz"  # noqa: S105 - signs no real cookie
os.environ["EMAIL_URL"] = "memorymail://"
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "")

from gateway_site.settings import *  # noqa: E402, F403
from gateway_site.settings import DATABASES, STORAGES, VAR_DIR  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {
        "NAME": os.environ.get("TEST_SQLITE_PATH") or str(VAR_DIR / "test.sqlite3")
    }
# a test needs no collected files, and whitenoise warns of a folder that is not there
STATIC_ROOT = None
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
