"""Every setting, in sections. Values come from the environment; README, "Configuration", lists them."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONCE

from joblynk import __version__
from joblynk.env import env_bool, env_float, env_given, env_int, env_list, env_secret, env_str
from joblynk.log_config import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

# --- The site ----------------------------------------------------------------------------------
DEBUG = env_bool("DEBUG", False)
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
PUBLIC_ORIGINS = env_list("PUBLIC_ORIGINS")
"""Exact origins (scheme://host[:port]) whose pages may open the chat socket. Empty: the page's own."""
CSRF_TRUSTED_ORIGINS = PUBLIC_ORIGINS
BUILD = env_str("BUILD", __version__)
"""Names this version of the pages; an open page that came from another one is asked to reload."""
SITE_NAME = env_str("SITE_NAME", "Joblynk help")
OFFICE_HOURS = env_str("OFFICE_HOURS", "weekdays, 9:00 to 18:00 CET")
"""As customers read it; the next two say the same for the site."""
OFFICE_TIMES = env_str("OFFICE_TIMES", "mon-fri 09:00-18:00")
"""Days and hours, several with commas. Empty: customers are never told that nobody is there."""
OFFICE_TIME_ZONE = env_str("OFFICE_TIME_ZONE", "CET")
REPLY_MAIL_SECONDS = env_int("REPLY_MAIL_SECONDS", 120)
"""A person's reply that the customer has not seen for so long goes by e-mail, if there is an address."""
KEEP_CONVERSATIONS_DAYS = env_int("KEEP_CONVERSATIONS_DAYS", 0)
"""Conversations in which nothing was said for so long are forgotten, with all of theirs. 0: never."""
KEEP_AUDIT_DAYS = env_int("KEEP_AUDIT_DAYS", 0)
VAR_DIR = Path(env_str("VAR_DIR", str(BASE_DIR / "var"))).resolve()
SECRET_KEY_FILE = VAR_DIR / "secret_key"  # `make run` makes one, so that trying the site out needs no setting
SECRET_KEY = env_secret("SECRET_KEY") or (
    SECRET_KEY_FILE.read_text().strip() if SECRET_KEY_FILE.exists() else ""
)

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env_str("TIME_ZONE", "UTC")
USE_I18N = True
USE_TZ = True

INSTALLED_APPS = [
    "joblynk.apps.JoblynkConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "django_tasks",
    "django_tasks_db",
    "knowledge.apps.KnowledgeConfig",
    "videos.apps.VideosConfig",
    "chat.apps.ChatConfig",
]

MIDDLEWARE = [
    "joblynk.logs.identify",
    "django.middleware.security.SecurityMiddleware",
    "joblynk.web.static_files.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "joblynk.full_disk.NoRoom",
    "axes.middleware.AxesMiddleware",  # last: it answers in the place of a login that is locked
]

ROOT_URLCONF = "joblynk.urls"
ASGI_APPLICATION = "joblynk.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
                "csp.context_processors.nonce",
            ],
        },
    },
]

# --- Database, channel layer, tasks ------------------------------------------------------------
DATABASE_URL = env_secret("DATABASE_URL") or f"sqlite:///{VAR_DIR / 'joblynk.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=None, conn_health_checks=True)}
SQLITE_SYNCHRONOUS = env_str("SQLITE_SYNCHRONOUS", "NORMAL")
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # WAL alone still fails under twelve writers; taking the write lock at BEGIN does not.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous={SQLITE_SYNCHRONOUS}; PRAGMA cache_size=-16000"
        ),
    }
DATABASE_THREADS = env_int("DATABASE_THREADS", 4)
"""Threads of one web process that talk to the database for live chats; each keeps one connection."""
# A second one only waits for the first where the database takes one writer at a time.
WRITER_THREADS = 1 if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3" else DATABASE_THREADS

REDIS_URL = env_secret("REDIS_URL")
# Without Redis there is one web process, and nothing to ring: no layer at all.
CHANNEL_LAYERS = (
    {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}], "prefix": "joblynk"},
        }
    }
    if REDIS_URL
    else {}
)

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
# What the worker does besides its queue: functions that do what is due for some seconds and return True if
# more is left. Reading is heavy and takes turns with the queue; the rest goes on beside both, because a
# customer waits for a mail.
READING_WORK = ["knowledge.tasks.take_due", "videos.reading.take_due"]
BACKGROUND_WORK = ["chat.tasks.send_due", "chat.tasks.digest_due", "chat.tasks.tidy"]

# --- Serving: `manage.py serve`, which `make run` calls -----------------------------------------
HOST = env_str("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000)
ASGI_SERVER = env_str("ASGI_SERVER", "daphne")
"""daphne, or uvicorn for busy sites: docs/operations.md, "Sizing", has the figures."""
if ASGI_SERVER == "daphne":  # which brings its `runserver`, and 27 MB that nobody else need carry
    INSTALLED_APPS.insert(1, "daphne")
WEB_PROCESSES = env_int("WEB_CONCURRENCY", 1)
"""Web processes that share this database, on all hosts together. More than one needs REDIS_URL."""
LOAD_DEMO = env_bool("LOAD_DEMO", True)
"""The first run fills an empty site with Joblynk's demo help centre."""

# --- Chat --------------------------------------------------------------------------------------
CHAT_TEXT_LIMIT = 4_000  # characters of one message; PROTOCOL, code too_long
CHAT_PICTURES = 4  # of one message
CHAT_FRAME_LIMIT = 65_536  # bytes
CHAT_ANSWER_LIMIT = 16_000  # characters; a longer answer is cut and marked
CHAT_DELTA_SECONDS = 0.04
CHAT_FIRST_TOKEN_SECONDS = env_float("CHAT_FIRST_TOKEN_SECONDS", 8.0)
CHAT_ANSWER_SECONDS = env_float("CHAT_ANSWER_SECONDS", 45.0)
CHAT_MESSAGES_PER_MINUTE = env_int("CHAT_MESSAGES_PER_MINUTE", 20)
"""What one visitor may send, as a bucket that refills evenly. 0 switches the limit off."""
# One visitor, one network (an address, or a /64 of IPv6), the whole site.
CHAT_QUESTIONS_PER_MINUTE = (
    CHAT_MESSAGES_PER_MINUTE,
    env_int("CHAT_NETWORK_MESSAGES_PER_MINUTE", 10 * CHAT_MESSAGES_PER_MINUTE),
    env_int("CHAT_SITE_MESSAGES_PER_MINUTE", 100 * CHAT_MESSAGES_PER_MINUTE),
)
LLM_TOKENS_PER_DAY = env_int("LLM_TOKENS_PER_DAY", 0)
LLM_DOLLARS_PER_DAY = env_float("LLM_DOLLARS_PER_DAY", 0.0)
"""What the models may cost a day; over it, answers are quoted from the guides. 0: no limit."""
LLM_PROMPT_PRICE = env_float("LLM_PROMPT_PRICE", 0.15)
LLM_COMPLETION_PRICE = env_float("LLM_COMPLETION_PRICE", 0.60)
"""Dollars for a million tokens: the list price of GROQ_MODEL's default."""
VISION_PROMPT_PRICE = env_float("VISION_PROMPT_PRICE", 0.60)
VISION_COMPLETION_PRICE = env_float("VISION_COMPLETION_PRICE", 3.00)
"""The same for GROQ_VISION_MODEL."""
MODEL_PRICES = {"openai/gpt-oss-20b": (0.075, 0.30)}
"""The same pair for other models, where staff are shown what an answer cost."""
CHAT_PASSAGES = 5  # at most so many sources an answer

# --- Knowledge ---------------------------------------------------------------------------------
EMBEDDING_MODEL = env_str("EMBEDDING_MODEL")
"""Empty: the packaged all-MiniLM-L6-v2. Else the name or folder of any sentence-transformers model."""
ONNX_DIR = VAR_DIR / "models"
if not EMBEDDING_MODEL or Path(EMBEDDING_MODEL).is_dir():
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing is fetched at run time
# HuggingFace's tokenizers warn and deadlock when threads of their own meet a fork.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# --- Videos ------------------------------------------------------------------------------------
VIDEO_MAX_MB = env_int("VIDEO_MAX_MB", 200)
"""The largest video file that staff may upload."""

# --- Providers: a key switches a service on, code never asks which ----------------------------
GROQ_API_KEY = env_secret("GROQ_API_KEY")
GROQ_MAX_COMPLETION_TOKENS = env_int("GROQ_MAX_COMPLETION_TOKENS", 1_500)
SERPER_API_KEY = env_secret("SERPER_API_KEY")
PROVIDERS: dict[str, dict[str, Any]] = {
    "llm": (
        {
            "BACKEND": "joblynk.providers.llm.groq.GroqLLM",
            "OPTIONS": {
                "api_key": GROQ_API_KEY,
                "base_url": env_str("GROQ_BASE_URL", "https://api.groq.com"),  # host only
                "model": env_str("GROQ_MODEL", "openai/gpt-oss-120b"),
                "fallback_model": env_str("GROQ_FALLBACK_MODEL", "openai/gpt-oss-20b"),
                "max_completion_tokens": GROQ_MAX_COMPLETION_TOKENS,
                "first_token_seconds": CHAT_FIRST_TOKEN_SECONDS,
                "gather_seconds": CHAT_DELTA_SECONDS,
            },
        }
        if GROQ_API_KEY
        else {"BACKEND": "joblynk.providers.llm.offline.OfflineLLM", "OPTIONS": {}}
    ),
    "offline_llm": {"BACKEND": "joblynk.providers.llm.offline.OfflineLLM", "OPTIONS": {}},
    "vision": (
        {
            "BACKEND": "joblynk.providers.vision.groq.GroqVision",
            "OPTIONS": {
                "api_key": GROQ_API_KEY,
                "base_url": env_str("GROQ_BASE_URL", "https://api.groq.com"),
                "model": env_str("GROQ_VISION_MODEL", "qwen/qwen3.8-27b"),
            },
        }
        if GROQ_API_KEY
        else {"BACKEND": "joblynk.providers.vision.offline.OfflineVision", "OPTIONS": {}}
    ),
    "offline_vision": {"BACKEND": "joblynk.providers.vision.offline.OfflineVision", "OPTIONS": {}},
    "web": (
        {
            "BACKEND": "joblynk.providers.web.serper.SerperSearch",
            "OPTIONS": {
                "api_key": SERPER_API_KEY,
                "base_url": env_str("SERPER_BASE_URL", "https://google.serper.dev"),
            },
        }
        if SERPER_API_KEY
        else {"BACKEND": "joblynk.providers.web.offline.NoWebSearch", "OPTIONS": {}}
    ),
    "embedder": (
        {
            "BACKEND": "joblynk.providers.embedding.sentence_transformers.SentenceTransformerEmbedder",
            "OPTIONS": {"model": EMBEDDING_MODEL},
        }
        if EMBEDDING_MODEL
        else {"BACKEND": "joblynk.providers.embedding.onnx.OnnxEmbedder", "OPTIONS": {"folder": ONNX_DIR}}
    ),
}

# While everything is read with another EMBEDDING_MODEL, questions are read with the model before it.
FORMER_EMBEDDERS: list[dict[str, Any]] = [
    {"BACKEND": "joblynk.providers.embedding.onnx.OnnxEmbedder", "OPTIONS": {"folder": ONNX_DIR}},
    *(
        {
            "BACKEND": "joblynk.providers.embedding.sentence_transformers.SentenceTransformerEmbedder",
            "OPTIONS": {"model": model},
        }
        for model in env_list("FORMER_EMBEDDING_MODELS")
    ),
]

# --- E-mail: transcripts that customers ask for -------------------------------------------------
SITE_URL = (
    env_str("SITE_URL") or next(iter(PUBLIC_ORIGINS), "") or f"http://localhost:{env_int('PORT', 8000)}"
).rstrip("/")
"""Where customers find the site; mails lead there."""
SENDGRID_API_KEY = env_secret("SENDGRID_API_KEY")
SENDGRID_HOST_URL = env_str(
    "SENDGRID_HOST_URL", "https://api.sendgrid.com"
)  # EU: https://api.eu.sendgrid.com
SENDGRID_SANDBOX_MODE = env_bool("SENDGRID_SANDBOX_MODE", False)
SENDGRID_SANDBOX_MODE_IN_DEBUG = False  # by itself the library sends nothing when DEBUG=1
SENDGRID_TRACK_EMAIL_OPENS = SENDGRID_TRACK_CLICKS_HTML = SENDGRID_TRACK_CLICKS_PLAIN = False
SENDGRID_WEBHOOK_VERIFICATION_KEY = env_secret("SENDGRID_WEBHOOK_VERIFICATION_KEY")
"""The public key of the signed event webhook, as SendGrid shows it. Without it, states end at "accepted"."""
EMAIL_BACKEND = f"joblynk.providers.{'sendgrid_mail.SendGridMail' if SENDGRID_API_KEY else 'mail.FolderMail'}"
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", f"{SITE_NAME} <help@localhost>")
MAIL_REPLY_TO = env_str("MAIL_REPLY_TO")
MAIL_DIR = VAR_DIR / "mail"
MAIL_SECONDS = 15.0  # longest silence of the mail service; its own library would wait for ever
MAIL_TOTAL_SECONDS = 45.0  # of one mail, whatever the service says meanwhile
TRANSCRIPT_CONFIRMATION = env_bool("TRANSCRIPT_CONFIRMATION", True)
"""Ask an address first whether it wants the transcript. Switch it off only behind a login."""
TRANSCRIPTS_PER_CONVERSATION, TRANSCRIPTS_PER_NETWORK_HOUR, TRANSCRIPTS_PER_MAILBOX_DAY = 3, 5, 3

# Given without the key that would make them matter: joblynk.E004 says so.
SETTINGS_WITHOUT_KEY = {
    "GROQ_API_KEY": []
    if GROQ_API_KEY
    else env_given("GROQ_MODEL", "GROQ_FALLBACK_MODEL", "GROQ_VISION_MODEL", "GROQ_BASE_URL"),
    "SERPER_API_KEY": [] if SERPER_API_KEY else env_given("SERPER_BASE_URL"),
    "SENDGRID_API_KEY": []
    if SENDGRID_API_KEY
    else env_given("SENDGRID_HOST_URL", "SENDGRID_SANDBOX_MODE", "SENDGRID_WEBHOOK_VERIFICATION_KEY"),
}

# --- Files -------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = VAR_DIR / "uploads"
STORAGES = {
    "default": {"BACKEND": "joblynk.full_disk.WholeFiles"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        )
    },
}

# --- Security ----------------------------------------------------------------------------------
HTTPS = env_bool("HTTPS", False)
"""The site is reached over TLS: secure cookies, HSTS, redirect from plain HTTP."""
BEHIND_PROXY = env_bool("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
TRUSTED_PROXY_COUNT = env_int("TRUSTED_PROXY_COUNT", 1 if BEHIND_PROXY else 0)
"""Proxies of ours between a browser and the site. Each adds whom it heard to X-Forwarded-For; what stands
before their entries, anybody can have written."""
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]  # asked from within, without TLS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 90
X_FRAME_OPTIONS = "DENY"
# YouTube's player answers error 153 to a page that sends it no referrer.
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:", "blob:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "media-src": ["'self'"],
        "frame-src": ["https://www.youtube-nocookie.com", "https://player.vimeo.com"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "manifest-src": ["'self'"],
    }
}
# After five wrong passwords from one network an account is locked for it, also for the right password; other
# networks are not, so that nobody can lock staff out.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "chat.networks.address_of"
AXES_LOCKOUT_TEMPLATE = "admin/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
LOGIN_REDIRECT_URL = "admin:index"  # where a sign-in leads that is asked to lead to another site
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Logs --------------------------------------------------------------------------------------
LOG_LEVEL = env_str("LOG_LEVEL", "INFO")
LOG_FORMAT = env_str("LOG_FORMAT", "line")
"""line, or json: one object a line, for a program that gathers logs."""
METRICS_TOKEN = env_secret("METRICS_TOKEN")
"""What Prometheus sends as its bearer token to /metrics. Empty: the site's own network may ask."""
SENTRY_DSN = env_secret("SENTRY_DSN")
"""Errors are reported there, without anybody's words. Needs the package sentry-sdk."""
LOGGING = logging_config(LOG_LEVEL, LOG_FORMAT)
