"""Misconfiguration that would show what staff uploaded, or read it without limits."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register("configuration", Tags.security)
def check_uploads_are_private(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Unpublished documents lie in MEDIA_ROOT, so it must not be below a folder that is served."""
    uploads = Path(settings.MEDIA_ROOT).resolve()
    folders = (settings.STATIC_ROOT, *settings.STATICFILES_DIRS)
    served = [Path(folder).resolve() for folder in folders]
    return [
        Error(
            f"MEDIA_ROOT ({uploads}) lies in {folder}, which is served to everybody.",
            hint="Point VAR_DIR, or MEDIA_ROOT itself, to a folder that is not served.",
            id="knowledge.E001",
        )
        for folder in served
        if uploads.is_relative_to(folder)
    ]


@register("configuration", Tags.security)
def check_limits_exist(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Uploaded files are read under limits of the operating system, which only Unix has."""
    if find_spec("resource"):
        return []
    return [
        Error(
            "Documents cannot be read here: this system has no limits on memory and CPU.",
            hint="Run the site on Linux or macOS, or in a container.",
            id="knowledge.E002",
        )
    ]
