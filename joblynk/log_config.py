"""Which log lines a process writes, and how. Imported by the settings, so it imports nothing of Django."""

from typing import Any


def logging_config(level: str, form: str) -> dict[str, Any]:
    """`form`: line or json. For `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "no_probes": {  # "not ready yet" is an answer to a probe, no error of the site
                "()": "django.utils.log.CallbackFilter",
                "callback": lambda record: not record.getMessage().endswith(" /readyz"),
            },
            "context": {"()": "joblynk.logs.Context"},
        },
        "formatters": {
            "line": {"format": "{asctime} {levelname} {name} {message}{context}", "style": "{"},
            "json": {"()": "joblynk.logs.JsonFormatter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": form if form == "json" else "line",
                "filters": ["context"],
            }
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "axes": {"level": "WARNING"},  # its INFO lines tell of every login
            "django.channels.server": {"level": "WARNING"},
            "django.db.backends": {"level": "INFO"},  # its DEBUG lines hold what is stored
            "django.template": {"level": "INFO"},  # its DEBUG lines hold all that a page shows
            # A line and a traceback for whoever knocks at the address without knowing the name: all day long.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "django.request": {"filters": ["no_probes"]},
            "channels_redis": {"level": "CRITICAL"},  # a traceback a second; chat.live says it once
            "daphne": {"level": "WARNING"},
            "httpx": {"level": "WARNING"},  # its INFO lines carry addresses
            "groq": {"level": "WARNING"},
            "python_http_client": {"level": "WARNING"},  # its DEBUG lines are whole mails
            "markdown_it": {"level": "WARNING"},
            "faiss": {"level": "WARNING"},  # tells which processor features it tried
        },
    }
