"""Settings. Only this module reads the environment; `.env.example` lists every variable.

A secret NAME can also come from the file that NAME_FILE names. Production mode (`MODE=production`) has no defaults for
required settings: `backend/checks.py` stops the start and says what to set.
"""

import re
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import environ
from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
ROOT_DIR = BASE_DIR.parent
DEVELOPMENT_SECRET_KEY = "development-only-" + "0123456789abcdef" * 4

env = environ.FileAwareEnv()
environ.Env.read_env(env.str("ENV_FILE", default=str(ROOT_DIR / ".env")))


def choice(name: str, allowed: tuple[str, ...], default: str) -> str:
    """The variable `name`. Raises ImproperlyConfigured if it is not one of `allowed`."""
    value = env.str(name, default=default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is not one of: {', '.join(allowed)}.")
    return value


def boolean(name: str, default: bool) -> bool:
    """The variable `name` as a bool. Raises ImproperlyConfigured if it is neither true nor false."""
    value = env.str(name, default=str(default)).strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false.")


def natural(name: str, default: int) -> int:
    """The variable `name` as an integer. Raises ImproperlyConfigured if it is not a whole number of at least 0."""
    value = env.str(name, default=str(default)).strip()
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.")
    return int(value)


def words(name: str, default: list[str]) -> list[str]:
    """The variable `name` as a list, split at commas, without empty parts."""
    return [word.strip() for word in env.str(name, default=",".join(default)).split(",") if word.strip()]


def secret(name: str) -> str:
    """The variable `name` unchanged, "" if it is not set. (env.str replaces `$X` by the value of the variable X.)"""
    return str(env.ENVIRON.get(name, ""))


def database(name: str, default: str) -> dict[str, Any]:
    """The variable `name` as an entry of DATABASES. Errors do not show its value, which contains a password."""
    value = secret(name).strip() or default
    if not value.startswith(("sqlite:///", "postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            f"{name} is neither postgres://user:password@host:5432/name nor sqlite:////absolute/path."
        )
    return dict(env.db_url_config(value))


def s3() -> dict[str, Any]:
    """Storage of photos in a bucket; needs requirements-s3.txt. Names are never reused, so they are cached for ever."""
    from botocore.config import Config

    bucket, public = env.str("S3_BUCKET", default=""), env.str("S3_PUBLIC_URL", default="").rstrip("/")
    if not bucket or not public.startswith(("http://", "https://")):
        raise ImproperlyConfigured("MEDIA_STORAGE=s3 needs S3_BUCKET, and S3_PUBLIC_URL: where phones load photos.")
    protocol, _slashes, domain = public.partition("//")
    options = {
        "bucket_name": bucket,
        "endpoint_url": env.str("S3_ENDPOINT_URL", default="") or None,
        "region_name": env.str("S3_REGION", default="") or "us-east-1",
        "access_key": secret("S3_ACCESS_KEY_ID") or None,
        "secret_key": secret("S3_SECRET_ACCESS_KEY") or None,
        "url_protocol": protocol,
        "custom_domain": domain,
        "querystring_auth": False,
        "object_parameters": {"CacheControl": "public, max-age=31536000, immutable"},
        # A request waits for S3, so the timeouts are short. Not every S3 server knows the newest checksums.
        "client_config": Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=20,
            retries={"max_attempts": 2}, request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    }  # fmt: skip
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def cloudinary() -> dict[str, Any]:
    """Storage of photos at Cloudinary; needs requirements-cloudinary.txt."""
    account = {
        "cloud_name": CLOUDINARY_CLOUD_NAME,
        "api_key": secret("CLOUDINARY_API_KEY").strip(),
        "api_secret": secret("CLOUDINARY_API_SECRET").strip(),
    }
    missing = [f"CLOUDINARY_{name.upper()}" for name, value in account.items() if not value]
    if missing:
        raise ImproperlyConfigured(f"MEDIA_STORAGE=cloudinary needs {', '.join(missing)}.")
    addresses = {
        "api_url": env.str("CLOUDINARY_API_URL", default="https://api.cloudinary.com").rstrip("/"),
        "delivery_url": CLOUDINARY_DELIVERY_URL,
    }
    for name, value in addresses.items():
        if not value.startswith(("http://", "https://")):
            raise ImproperlyConfigured(f"CLOUDINARY_{name.upper()}={value!r} does not begin with http:// or https://.")
    return {"BACKEND": "backend.cloudinary_storage.CloudinaryStorage", "OPTIONS": account | addresses}


# --- Mode ---------------------------------------------------------------------------------------------------------
MODE = choice("MODE", ("development", "production"), "development")
PRODUCTION = MODE == "production"
DEBUG = boolean("DEBUG", False)
VERSION = env.str("VERSION", default="development")
SECRET_KEY = secret("SECRET_KEY") or DEVELOPMENT_SECRET_KEY
ALLOWED_HOSTS = words("ALLOWED_HOSTS", [] if PRODUCTION else ["*"])
# Secrets that begin with `$`: probably a shell or Compose should have replaced `$NAME` (backend/checks.py).
UNREPLACED = [
    name
    for name in (
        "SECRET_KEY", "METRICS_TOKEN", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "CLOUDINARY_API_KEY",
        "CLOUDINARY_API_SECRET",
    )
    if secret(name).startswith("$")
]  # fmt: skip

# --- Where the server is reached ----------------------------------------------------------------------------------
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="").strip().rstrip("/")
if PUBLIC_BASE_URL and not PUBLIC_BASE_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured(f"PUBLIC_BASE_URL={PUBLIC_BASE_URL!r} does not begin with http:// or https://.")
TRUSTED_PROXIES = natural("TRUSTED_PROXIES", 0)
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CORS_ALLOWED_ORIGINS = words("CORS_ALLOWED_ORIGINS", [])
CORS_URLS_REGEX = r"^/(api/|log-client-error|media/)"
CORS_ALLOW_HEADERS = [*default_headers, "accept-language", "if-match", "if-none-match", "x-request-id"]
CORS_EXPOSE_HEADERS = ["ETag", "Link", "Location", "Retry-After", "X-Request-ID"]
CSRF_FAILURE_VIEW = "api.desk.failures.csrf_failure"
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS", [])
# The app is compiled for plain HTTP (docs/flutter-app.md, section 1): nginx offers HTTPS, nothing may force it.
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = boolean("SECURE_COOKIES", False)
# For the same reason `check --deploy` must not ask for HSTS, the redirect, or cookies that plain HTTP would lose.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]
if not SESSION_COOKIE_SECURE:
    SILENCED_SYSTEM_CHECKS += ["security.W012", "security.W016"]
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
# Pages of the desk load nothing from other servers, and run no inline scripts.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "EXCLUDE_URL_PREFIXES": ["/admin/", "/api/"],
    "DIRECTIVES": {
        "default-src": ["'self'"], "img-src": ["'self'", "data:", "blob:"], "object-src": ["'none'"],
        "base-uri": ["'none'"], "form-action": ["'self'"], "frame-ancestors": ["'none'"],
    },
}  # fmt: skip

# --- The application ----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "backend.apps.ApiConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "knox",
    "corsheaders",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
]
MIDDLEWARE = [
    "api.middleware.probes.ProbesMiddleware",
    "api.middleware.request_log.RequestLogMiddleware",
    "api.middleware.cookies.SecureCookies",
    "api.middleware.disk.DiskMiddleware",
    "api.middleware.door.Door",
    "api.middleware.body.ReadToEndMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "api.middleware.language.DeskLanguageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "api.desk.failures.NotAllowedPage",
    "csp.middleware.CSPMiddleware",
]
ROOT_URLCONF = "backend.urls"
WSGI_APPLICATION = "backend.wsgi.application"
# A redirect breaks the app's POST (docs/flutter-app.md, section 1), so a missing slash gives a 404.
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "api" / "desk" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"desk": "api.desk.tags"},
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------------------------------------------
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
VAR_DIR = ROOT_DIR / "var"
DATABASES = {"default": database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'easybox.sqlite3'}")}
DB_POOL_MAX = natural("DB_POOL_MAX", 4)  # as many as gunicorn's threads
# How long, in seconds, a request may wait for a statement, for a lock and for a connection (DB_WAIT), and how long a
# transaction may be idle. After that it is rolled back, and the caller gets a 503 (api/rest/error_handler.py).
# Management commands may take longer (backend/wsgi.py).
DB_LIMITS = {"statement_timeout": 30, "lock_timeout": 20, "idle_in_transaction_session_timeout": 60}
DB_WAIT = 10
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # Writers wait at BEGIN instead of failing half-way; readers never wait (WAL); a committed write is on disk (FULL).
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    }
    _database["TEST"] = {"NAME": env.str("TEST_SQLITE_PATH", default=str(VAR_DIR / "test.sqlite3"))}
elif _database["ENGINE"].endswith("postgresql"):
    # A pool or persistent connections, not both: the pool keeps connections, so CONN_MAX_AGE stays 0.
    # Only the statements of backend/prepared.py are prepared.
    ours: dict[str, Any] = {"application_name": "easybox", "prepare_threshold": 3, "connect_timeout": DB_WAIT}
    _database["OPTIONS"] = ours | _database.get("OPTIONS", {})
    if DB_POOL_MAX:
        _database["OPTIONS"]["pool"] = {
            "min_size": 1, "max_size": DB_POOL_MAX, "timeout": DB_WAIT, "max_waiting": 10 * DB_POOL_MAX,
        }  # fmt: skip

# --- Accounts -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "api.User"
LOGIN_URL = "desk:login"
PASSWORD_HASHERS = [
    "backend.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Whether people may protect their login at the desk by codes of an authenticator app (api/actions/second_factor.py).
SECOND_FACTOR = boolean("SECOND_FACTOR", False)
TOKEN_TTL = timedelta(days=natural("TOKEN_TTL_DAYS", 180))
KNOX_TOKEN_MODEL = "knox.AuthToken"
REST_KNOX = {
    "TOKEN_TTL": TOKEN_TTL,
    "AUTO_REFRESH": True,
    # Each use extends the expiry, but it is written at most once a day per device.
    "MIN_REFRESH_INTERVAL": 24 * 3600,
}

# --- Reconciliation (docs/reconciliation.md) ----------------------------------------------------------------------
# Requests of one phone closer together than this count as one pass of the app's queue, not as a person's actions. This
# only decides which cases a manager is asked about; no addition is dropped because of it.
PASS_GAP_MILLISECONDS = natural("PASS_GAP_MILLISECONDS", 2000)
# A manager is asked about a second explanation of what a phone sent if it is at most e to the power of STORY_MARGIN
# times less likely than the first. With a higher margin managers are asked more often, with a lower one the server is
# silently wrong more often.
STORY_MARGIN = natural("STORY_MARGIN", 7)

# --- The app's list of orders -------------------------------------------------------------------------------------
# Finished and cancelled orders leave the list at the first midnight (TIME_ZONE) after this many days.
ORDERS_KEPT_IN_APP = natural("ORDERS_KEPT_IN_APP", 7)

# --- REST ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.auth.tokens.DeviceTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["api.rest.answers.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "api.rest.requests.JsonParser",
        "api.rest.requests.UploadParser",
        "api.rest.requests.FormParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "api.rest.answers.JsonAnyway",
    "EXCEPTION_HANDLER": "api.rest.error_handler.answer_exception",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
MAX_JSON_BYTES = 2 * 1024 * 1024
# More than the largest photo (api/images), so that a photo of 21 MB gets the error that names its field.
MAX_UPLOAD_BYTES = 32 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# An order of 1,000 lines in the admin has 6 fields per line, and some more.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 7000
DATA_UPLOAD_MAX_NUMBER_FILES = 10
SPECTACULAR_SETTINGS = {
    "TITLE": "Easy Box",
    "DESCRIPTION": "The backend of the Easy Box warehouse app: products, stock, orders, devices.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.rest.openapi.complete"],
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "api.models.Order.Status",
        "DeviceKind": "api.models.Device.Kind",
        "StocktakeStatus": "api.models.Count.Status",
    },
}

# --- Language and time --------------------------------------------------------------------------------------------
LANGUAGE_CODE = choice("LANGUAGE_CODE", ("en", "ru", "de"), "en")
ADMIN_LANGUAGE_CODE = choice("ADMIN_LANGUAGE_CODE", ("en", "ru", "de"), "ru")
LANGUAGES = [("ru", _("Russian")), ("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "api" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
if TIME_ZONE not in available_timezones():
    raise ImproperlyConfigured(f"TIME_ZONE={TIME_ZONE!r} is not a time zone such as Europe/Berlin.")

# --- Static files and photos --------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "api" / "desk" / "static"]
STATIC_ROOT = env.str("STATIC_ROOT", default=str(VAR_DIR / "static"))
MEDIA_URL = "/media/"
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(VAR_DIR / "media"))
# In production nginx serves photos; in development Django does, with or without DEBUG.
SERVE_MEDIA = boolean("SERVE_MEDIA", not PRODUCTION)
CLOUDINARY_CLOUD_NAME = env.str("CLOUDINARY_CLOUD_NAME", default="").strip()
CLOUDINARY_DELIVERY_URL = env.str("CLOUDINARY_DELIVERY_URL", default="https://res.cloudinary.com").rstrip("/")
MEDIA_STORAGE = choice("MEDIA_STORAGE", ("folder", "s3", "cloudinary"), "folder")
_folder: dict[str, Any] = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
STORAGES = {
    "default": s3() if MEDIA_STORAGE == "s3" else cloudinary() if MEDIA_STORAGE == "cloudinary" else _folder,
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
if MEDIA_STORAGE == "s3":
    # With a slash at the end it allows everything below; without one it is a single file (CSP 3, section 6.7.2.8).
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"].append(env.str("S3_PUBLIC_URL").rstrip("/") + "/")
elif MEDIA_STORAGE == "cloudinary":
    _options = STORAGES["default"]["OPTIONS"]
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["img-src"].append(f"{_options['delivery_url']}/{_options['cloud_name']}/")
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_AUTOREFRESH = DEBUG

# --- Alerts, the worker, health --------------------------------------------------------------------------------------
TELEGRAM_BOT_TOKEN = secret("TELEGRAM_BOT_TOKEN").strip()
TELEGRAM_CHAT_ID = env.str("TELEGRAM_CHAT_ID", default="").strip()
TELEGRAM_API_URL = env.str("TELEGRAM_API_URL", default="https://api.telegram.org").strip().rstrip("/")
if TELEGRAM_BOT_TOKEN and not re.fullmatch(r"\d+:[\w-]+", TELEGRAM_BOT_TOKEN, re.ASCII):
    raise ImproperlyConfigured("TELEGRAM_BOT_TOKEN is not a bot's token such as 123456:AbC-dEf.")
if bool(TELEGRAM_BOT_TOKEN) != bool(TELEGRAM_CHAT_ID):
    raise ImproperlyConfigured("TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID belong together: set both or none.")
if not TELEGRAM_API_URL.startswith(("http://", "https://")):
    raise ImproperlyConfigured(f"TELEGRAM_API_URL={TELEGRAM_API_URL!r} does not begin with http:// or https://.")
# The worker touches this file in each turn of its loop; `manage.py worker_health` checks its age.
WORKER_HEARTBEAT = env.str("WORKER_HEARTBEAT", default="") or str(Path(tempfile.gettempdir()) / "easybox-worker")
# An address outside that gets a request once a minute while the server is well (api/ops/heartbeat.py). A secret.
HEARTBEAT_URL = secret("HEARTBEAT_URL").strip()
HEARTBEAT_CHECK = env.str("HEARTBEAT_CHECK", default="").strip()
for _name, _url in (("HEARTBEAT_URL", HEARTBEAT_URL), ("HEARTBEAT_CHECK", HEARTBEAT_CHECK)):
    if _url and not re.fullmatch(r"https?://[^/\s]+\S*", _url):
        raise ImproperlyConfigured(f"{_name} is not an address that begins with http:// or https://.")
CERTIFICATE_AT = env.str("CERTIFICATE_AT", default="").strip()
if CERTIFICATE_AT and not re.fullmatch(r"\S+:\d{1,5}", CERTIFICATE_AT):
    raise ImproperlyConfigured(f"CERTIFICATE_AT={CERTIFICATE_AT!r} is not host:port.")
# The name of this host, if several share the database (docs/operations.md#growth).
HOST_NAME = env.str("HOST_NAME", default="").strip()
if not re.fullmatch(r"[A-Za-z0-9.-]{0,20}", HOST_NAME):
    raise ImproperlyConfigured(f"HOST_NAME={HOST_NAME!r} is not up to 20 letters, digits, dots and hyphens.")
BACKUP_STATUS_FILE = env.str("BACKUP_STATUS_FILE", default="").strip()
OFFSITE_STATUS_FILE = env.str("OFFSITE_STATUS_FILE", default="").strip()
OPTIONAL_SERVICES = words("OPTIONAL_SERVICES", [])
MIN_FREE_DISK_MB = natural("MIN_FREE_DISK_MB", 100)
# Without a token nothing is counted, and /metrics gives a 404.
METRICS_TOKEN = secret("METRICS_TOKEN").strip()
METRICS_DIR = env.str("METRICS_DIR", default="") or str(Path(tempfile.gettempdir()) / "easybox-metrics")

# --- Logs ---------------------------------------------------------------------------------------------------------
LOG_LEVEL = choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOG_FORMAT = choice("LOG_FORMAT", ("json", "plain"), "json" if PRODUCTION else "plain")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": "api.ops.logs.PlainFormatter"}, "json": {"()": "api.ops.logs.JsonFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # 4xx answers are in the request log already; exceptions are logged with their traceback.
        "django.request": {"level": "ERROR"},
    },
}
