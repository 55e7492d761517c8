"""Settings, read from the environment once at start. ``ticketshop/docs/configuration.md`` lists every variable with its default.

A missing one stops the start with a sentence that says what to set.
"""

from pathlib import Path
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from ticketshop.lib import database
from ticketshop.lib import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent

# --- installation -------------------------------------------------------------------------------
DEMO = env.flag("DEMO")
DEBUG = False
SECRET_KEY = env.required(
    "SECRET_KEY", "a long random text, kept secret; sessions and links are signed with it."
)
SECRET_KEY_FALLBACKS = env.names("SECRET_KEY_FALLBACKS")
BASE_URL = env.public_url("BASE_URL", "http://127.0.0.1:8000")
HTTPS = BASE_URL.startswith("https://")
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", [urlsplit(BASE_URL).hostname or "127.0.0.1"])
if DEMO and not HTTPS:
    ALLOWED_HOSTS = [*ALLOWED_HOSTS, "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [BASE_URL] if HTTPS else []
ROOT_URLCONF = "ticketshop.urls"
WSGI_APPLICATION = "ticketshop.wsgi.application"
# Contact for reports of security problems: a URL such as mailto:… or https://…
SECURITY_CONTACT = env.contact(
    "SECURITY_CONTACT", f"mailto:security@{urlsplit(BASE_URL).hostname or 'localhost'}"
)
SITE_NAME = env.text("SITE_NAME", "ticketshop")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- apps, from the highest to the lowest ----------------------------------------------------------
INSTALLED_APPS = [
    "modeltranslation",  # before the admin, as its documentation asks
    "ticketshop.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",  # its templates, found after ours
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "procrastinate.contrib.django",
    "ticketshop.limits",
    "ticketshop.submissions",
    "ticketshop.history",
    "ticketshop.organisers",
    "ticketshop.office",
    "ticketshop.jobs",
    "ticketshop.mail",
    "ticketshop.exports",
    "contacts",
    "registration_forms",
    "ticketshop.catalogue",
    "ticketshop.sales",
    "privacy",
    "accounts",
    "ticketshop.apps.TicketshopConfig",
]
if DEMO:
    INSTALLED_APPS.append("ticketshop.demo")

MIDDLEWARE = [
    "ticketshop.lib.web.page_cache.PageCache",  # outside of all others, so that complete responses are cached
    "ticketshop.middleware.room_for_frames",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "ticketshop.middleware.ContentPolicy",
    "ticketshop.middleware.provider_forms",
    "ticketshop.middleware.camera_pages",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "ticketshop.middleware.CompressPages",
    "ticketshop.middleware.private_pages",
    "ticketshop.middleware.sound_requests",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.log_in.devices.session_use",
    "ticketshop.organisers.middleware.language",
    "ticketshop.middleware.small_requests",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "ticketshop.middleware.leaving",
    "ticketshop.submissions.middleware.KeptSubmissions",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "ticketshop.organisers.middleware.PointOfSaleMiddleware",
    "ticketshop.office.staff_sessions.StaffSessions",
    "accounts.second_factor.middleware.SecondFactor",
    "ticketshop.middleware.worded_refusals",
    "ticketshop.middleware.Refuse",
]

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
                "ticketshop.organisers.context.shop",
                "ticketshop.sales.cart.context.cart",
            ],
            "builtins": ["ticketshop.lib.web.template_tags", "ticketshop.lib.web.page_tags"],
        },
    }
]
FORM_RENDERER = "ticketshop.lib.forms.rendering.Renderer"

# --- database -------------------------------------------------------------------------------------
DATABASES = {
    "default": env.database_url(
        "DATABASE_URL", "a PostgreSQL address such as postgres://user:password@host/name."
    )
}
STATEMENT_TIMEOUT_MS = env.whole_number("DB_STATEMENT_TIMEOUT_MS", 10_000)
DATABASES["default"].update(
    ENGINE="ticketshop.lib.database",  # checks a connection before it is used
    CONN_MAX_AGE=0,  # the pool keeps the connections
    OPTIONS={
        **DATABASES["default"].get("OPTIONS", {}),
        "pool": {
            "min_size": 1,
            "max_size": env.whole_number("DB_POOL_SIZE", 8, least=1),
            **database.pool(STATEMENT_TIMEOUT_MS),
        },
        "connect_timeout": 5,
        # Only for cursors of ``prepared_cursor``; all others write the values into the statement.
        "prepare_threshold": 2,
        "tcp_user_timeout": 10_000,  # milliseconds; for a server that vanished without closing its TCP connections
        "options": (
            f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout=3000"
            " -c idle_in_transaction_session_timeout=30000 -c default_transaction_isolation=read\\ committed"
        ),
    },
)
CACHES = {
    # Shared by all processes: the limits of log-in and sign-up are counted here.
    "default": {
        "BACKEND": "ticketshop.limits.cache.CounterCache",
        "KEY_FUNCTION": "ticketshop.limits.cache.stored_key",
        "LOCATION": "cache_entries",
    },
}

# --- people, log-in, sessions -----------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.log_in.backends.AccountBackend",
    "ticketshop.organisers.permissions.MembershipBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email"]},
    },
    {"NAME": "accounts.log_in.passwords.LengthValidator", "OPTIONS": {"min_length": 8}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.log_in.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.log_in.views.LogInForm",
    "signup": "accounts.log_in.forms.SignupForm",
    "add_email": "accounts.log_in.forms.AddEmailForm",
    "reset_password": "accounts.log_in.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.log_in.forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.log_in.views.ReauthenticationForm",
    "change_password": "accounts.log_in.views.NewPasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_CHANGE_EMAIL = True
# An open log-in must not be taken over by a change of its e-mail address.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
MFA_ADAPTER = "accounts.second_factor.adapter.MFAAdapter"
MFA_FORMS = {
    "authenticate": "accounts.second_factor.forms.AuthenticateForm",
    "reauthenticate": "accounts.second_factor.forms.ReauthenticateForm",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
# A log-in needs a proved address; another one that waits to be proved is no reason against a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
# For security keys at http://localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEMO and not HTTPS
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if HTTPS else 0

SESSION_ENGINE = "accounts.log_in.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "ticketshop.views.csrf_failure"
LAST_LOG_IN_COOKIE_NAME = "last_log_in"  # the user whose form is saved at the log-in page
KNOWN_BROWSER_COOKIE_NAME = "known_browser"  # users known to this browser, see accounts.log_in.known_browsers
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
if HTTPS:
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    LANGUAGE_COOKIE_NAME, LAST_LOG_IN_COOKIE_NAME = "__Host-language", "__Host-last_log_in"
    KNOWN_BROWSER_COOKIE_NAME = "__Host-known_browser"
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^health/"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True

# --- headers and limits of a request --------------------------------------------------------------------
SECURE_REFERRER_POLICY = "same-origin"  # URLs of orders contain a secret
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
PERMISSIONS_POLICY = {
    feature: [] for feature in ("accelerometer", "camera", "geolocation", "microphone", "payment", "usb")
}
# Seconds for which each web process caches pages of visitors without a session; 0: no cache.
PAGE_CACHE_SECONDS = env.number("PAGE_CACHE_SECONDS", 1.0)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
FILE_UPLOAD_MAX_MEMORY_SIZE = (
    9_000_000  # larger than the largest picture, so that uploads are not written to a temporary file
)
UPLOAD_MAX_BYTES = 10_000_000  # a form of the back office with its pictures
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# --- language and time ----------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]  # of the interface
CONTENT_LANGUAGES = [("en", _("English")), ("fr", _("French")), ("de", _("German")), ("it", _("Italian"))]
MODELTRANSLATION_LANGUAGES = tuple(code for code, name in CONTENT_LANGUAGES)
MODELTRANSLATION_DEFAULT_LANGUAGE = "en"
MODELTRANSLATION_FALLBACK_LANGUAGES = ("en", "fr", "de", "it")
LOCALE_PATHS = [BASE_DIR / "ticketshop" / "locale"]
FORMAT_MODULE_PATH = ["ticketshop.formats"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"  # a point of sale shows its organiser's time zone

# --- files ----------------------------------------------------------------------------------------------
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(VAR_DIR / "static")))
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(VAR_DIR / "media")))
# Exported files, for 24 hours: written by the worker, read by web processes, without a URL.
EXPORT_ROOT = Path(env.text("EXPORT_ROOT", str(VAR_DIR / "exports")))
STORAGES = {
    "default": {"BACKEND": "ticketshop.lib.storages.WholeFiles"},
    "exports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": EXPORT_ROOT, "base_url": None, "file_permissions_mode": 0o600},
    },
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_MAX_AGE = 365 * 24 * 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site needs our files

# --- mail -------------------------------------------------------------------------------------------------
# EMAIL_URL is smtp://user:password@host:port (or smtp+tls://…), or anymail's backend by EMAIL_BACKEND.
EMAIL_TIMEOUT = 10
# Whether mails can be sent to addresses with non-ASCII letters before the @; if not, forms refuse such addresses.
EMAIL_SMTPUTF8 = env.flag("EMAIL_SMTPUTF8")
if DEMO and not env.text("EMAIL_URL"):
    EMAIL_BACKEND, EMAIL_SMTPUTF8 = "ticketshop.mail.mailbox.Backend", True
else:
    globals().update(env.mail_url("EMAIL_URL", "smtp://localhost:25"))
    EMAIL_BACKEND = env.text("EMAIL_BACKEND", globals()["EMAIL_BACKEND"])
    if EMAIL_SMTPUTF8 and EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend":
        EMAIL_BACKEND = "ticketshop.mail.utf8.Backend"
ANYMAIL = env.json_object("ANYMAIL")
DEFAULT_FROM_EMAIL = env.email_address(
    "DEFAULT_FROM_EMAIL", f"tickets@{urlsplit(BASE_URL).hostname or 'localhost'}"
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
MAILBOX_DIR = VAR_DIR / "mailbox"

# --- payment ----------------------------------------------------------------------------------------------
# Stripe account -> its keys; staff name the account in the settings of a point of sale.
STRIPE_ACCOUNTS = env.groups("STRIPE", ("SECRET_KEY", "WEBHOOK_SECRET"))
STRIPE_CHECKOUT_ORIGIN = env.public_url("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com")
STRIPE_API_BASE = env.public_url("STRIPE_API_BASE", "https://api.stripe.com")
if not DEMO and STRIPE_API_BASE != "https://api.stripe.com":
    raise env.refuse("STRIPE_API_BASE", "is for the demo and for tests only (DEMO=1): payments go to Stripe.")

# --- logs: to standard error, one line each, no personal values --------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "ticketshop.lib.logs.LineFormatter"}},
    "filters": {
        "route": {"()": "ticketshop.lib.logs.RouteForPath"},
        "refusals": {"()": "ticketshop.lib.logs.NoTracebackOfRefusals"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["route", "refusals"],
        }
    },
    "root": {
        "handlers": ["stderr"],
        "level": env.one_of("LOG_LEVEL", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], "WARNING"),
    },
    "loggers": {
        # Log-ins, refusals, outages: event names and ids, never personal data.
        "ticketshop": {"level": "INFO"},
        "django.server": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        # psycopg logs each attempt while the database is away; the shop logs it once per request.
        "psycopg.pool": {"level": "ERROR"},
    },
}
