"""Settings of the chat that are wrong, told at start with the remedy."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from chat import office


@register
def check_office(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        office.parse(settings.OFFICE_TIMES)
    except ValueError as error:
        hint = "Write days and hours such as “mon-fri 09:00-18:00, sat 10:00-13:00”, or leave it empty."
        return [Error(f"OFFICE_TIMES: “{error}” cannot be read.", hint=hint, id="chat.E001")]
    try:
        ZoneInfo(settings.OFFICE_TIME_ZONE)
    except (ValueError, OSError, KeyError):  # what cannot be found is a KeyError
        hint = "Name a time zone as the IANA database does, such as “Europe/Berlin”."
        message = f"OFFICE_TIME_ZONE: “{settings.OFFICE_TIME_ZONE}” is no time zone."
        return [Error(message, hint=hint, id="chat.E002")]
    return []
