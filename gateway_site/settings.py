"""Django's settings. What a deployment may set: config/setting.ini, TOKLIGENCE_*, and the variables of
``gateway_site.environment.DEPLOYMENT_VARIABLES``. Every default is one that is safe on the open internet."""

import os
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from gateway_site import databases
from gateway_site import environment as env
from gateway_site.config import load_config
from gateway_site.log_format import STDERR_LEVEL, logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

env.read_dotenv(BASE_DIR, os.environ)
SECRET_FILES = env.secret_files(os.environ)
env.resolve_files(os.environ)
TOKLIGENCE = load_config(BASE_DIR)
LIVE = TOKLIGENCE.environment == "live"

# Refused by a system check when empty (gateway_site.E001): there is no default to forget.
SECRET_KEY = os.environ.get("SECRET_KEY", "")
# what was signed by these is still good: the keys before, while one is exchanged for another
SECRET_KEY_FALLBACKS = env.read_list(os.environ, "SECRET_KEY_FALLBACKS")
# what a program shows that reads /metrics; "": only the operator's browser may
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "").strip()
DEBUG = env.read_boolean(os.environ, "DEBUG", default=False)
OUR_HOSTS = [] if LIVE else ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = env.read_list(os.environ, "ALLOWED_HOSTS", OUR_HOSTS)
CSRF_TRUSTED_ORIGINS = env.read_list(os.environ, "CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = env.read_networks(os.environ, "TRUSTED_PROXIES")

INSTALLED_APPS = [
    "gateway_site.apps.GatewaySiteConfig",
    "accounts",
    "catalog",
    "usage",
    "gateway_site.apps.GatewayAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "csp",
    "django_htmx",
    "django_prometheus",
    "heroicons",
]
MIDDLEWARE = [
    # outermost: what refuses a request further in, an error page or a file has these headers, too
    "csp.middleware.CSPMiddleware",
    "gateway_site.security_headers.complete",
    "gateway_site.middleware.trust_only_our_proxies",
    "gateway_site.middleware.name_the_request",
    "accounts.middleware.name_the_origin",
    "gateway_site.metrics.requests.observe_requests",
    "gateway_site.middleware.answer_head_without_a_body",
    "gateway_site.health.answer_probes",
    # within the probes, which nobody wants to see counted; and by view within the static files
    "gateway_site.metrics.middleware.BeforeMiddleware",
    "gateway_site.middleware.answer_programs_in_json",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "gateway_site.metrics.middleware.AfterMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "gateway_site.time_zone.use_the_browsers_time_zone",
    "gateway_site.middleware.refuse_large_bodies",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "gateway_site.middleware.keep_pages_private",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.use_the_persons_language",
    "accounts.middleware.NoteSessionUseMiddleware",
    "accounts.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "gateway_site.urls"
WSGI_APPLICATION = "gateway_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
FORM_RENDERER = "gateway_site.forms.FormRenderer"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "accounts.context.account_of_request",
                "gateway_site.navigation.shell",
                "usage.context.open_difference",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.read_url(
        os.environ,
        "DATABASE_URL",
        f"sqlite:///{VAR_DIR / 'gateway.sqlite3'}",
        environ.Env.db_url_config,
        env.DATABASE_ENGINES,
    )
}
if DATABASES["default"]["ENGINE"] == databases.SQLITE:
    env.make_private_file(DATABASES["default"]["NAME"], "environment: DATABASE_URL")
DATABASES["default"] = databases.completed(DATABASES["default"], os.environ)
CACHES = {"default": env.read_url(os.environ, "CACHE_URL", "locmemcache://", environ.Env.cache_url_config)}
if CACHES["default"]["BACKEND"].endswith(".LocMemCache"):
    # with Django's 300, what one caller looks for throws out how often another has asked
    CACHES["default"].setdefault("OPTIONS", {}).setdefault("MAX_ENTRIES", 20_000)
elif CACHES["default"]["BACKEND"].endswith(".redis.RedisCache"):
    CACHES["default"]["BACKEND"] = "gateway_site.cache.RedisCache"  # the same, and the site goes on without

EMAIL_SETTINGS = env.read_url(os.environ, "EMAIL_URL", "consolemail://", environ.Env.email_url_config)
EMAIL_ON_TERMINAL = EMAIL_SETTINGS["EMAIL_BACKEND"] == "django.core.mail.backends.console.EmailBackend"
EMAIL_BACKEND = "gateway_site.mail.EmailBackend" if EMAIL_ON_TERMINAL else EMAIL_SETTINGS["EMAIL_BACKEND"]
if EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend":
    EMAIL_BACKEND = "gateway_site.metrics.mails.EmailBackend"  # the same, and counts
EMAIL_HOST = EMAIL_SETTINGS["EMAIL_HOST"] or "localhost"
EMAIL_HOST_USER = EMAIL_SETTINGS["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = EMAIL_SETTINGS["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS = bool(EMAIL_SETTINGS.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(EMAIL_SETTINGS.get("EMAIL_USE_SSL"))
EMAIL_PORT = EMAIL_SETTINGS["EMAIL_PORT"] or (465 if EMAIL_USE_SSL else 587 if EMAIL_USE_TLS else 25)
EMAIL_FILE_PATH = EMAIL_SETTINGS["EMAIL_FILE_PATH"] or None
EMAIL_TIMEOUT = 10  # seconds: a person waits at the sign-in page
EMAIL_SENDER = EMAIL_SETTINGS.get("OPTIONS", {}).get("FROM")
DEFAULT_FROM_EMAIL = EMAIL_SENDER or TOKLIGENCE.admin_email or "gateway@localhost"
SERVER_EMAIL = DEFAULT_FROM_EMAIL

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.EmailCodeBackend"]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "usage:dashboard"
LOGOUT_REDIRECT_URL = "accounts:login"

SESSION_ENGINE = "accounts.session_store"
# nobody but this very host, over HTTPS, can set a cookie of such a name
COOKIE_PREFIX = "__Host-" if LIVE else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}tgw_session"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LIVE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}tgw_csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "gateway_site.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = LIVE
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if LIVE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = LIVE
# only believed because trust_only_our_proxies has removed it from every request of anybody else
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}

# nothing of a request reaches the disk: no view takes files
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # bytes
# bytes that may come, by the beginning of the path, where it is more than that
LARGER_BODIES: dict[str, int] = {"/api/v1/usage": 8_000_000, "/api/v1/usage/litellm": 32_000_000}

STATIC_URL = "static/"
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Chinese (simplified)"))]
LANGUAGE_COOKIE_NAME = "tgw_language"
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["gateway_site.formats"]
USE_TZ = True
TIME_ZONE = "UTC"

# seconds, of the histograms of requests
PROMETHEUS_LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

LOGGING_CONFIG = "gateway_site.log_format.configure"
LOG_FILE = str(BASE_DIR / TOKLIGENCE.log_file) if TOKLIGENCE.log_file else ""
if LOG_FILE:
    env.make_private_file(LOG_FILE, "log_file")
HEAD_LOG = str(BASE_DIR / TOKLIGENCE.head_log) if TOKLIGENCE.head_log else ""
if HEAD_LOG:
    env.make_private_file(HEAD_LOG, "head_log")
LOGGING = logging_settings(
    TOKLIGENCE.log_level,
    TOKLIGENCE.log_format,
    LOG_FILE,
    stderr_level=os.environ.get(STDERR_LEVEL, "NOTSET"),
)
