"""Settings in, providers out: `get("llm")` is whatever `settings.PROVIDERS["llm"]` names.

Each provider is built once per process, at first use, from whichever thread asks first. The async
ones keep an HTTP client per event loop and want `await aclose_all()` before their loop ends.
"""

import asyncio
import logging
import threading
from typing import Any, Literal, cast, overload

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.utils.module_loading import import_string

from joblynk.providers.types import LLM, Embedder, Vision, WebSearch

Role = Literal["llm", "offline_llm", "vision", "offline_vision", "web", "embedder"]
AnyProvider = LLM | Vision | WebSearch | Embedder

_ASYNC_ROLES: tuple[Role, ...] = ("llm", "offline_llm", "vision", "offline_vision", "web")

_log = logging.getLogger(__name__)
_lock = threading.RLock()  # a provider may ask for another while it is built
_built: dict[Role, AnyProvider] = {}
_former: dict[str, Embedder | None] = {}


@overload
def get(role: Literal["llm", "offline_llm"]) -> LLM: ...
@overload
def get(role: Literal["vision", "offline_vision"]) -> Vision: ...
@overload
def get(role: Literal["web"]) -> WebSearch: ...
@overload
def get(role: Literal["embedder"]) -> Embedder: ...
def get(role: Role) -> AnyProvider:
    """The process's one provider for `role`. Raises `ImproperlyConfigured` when it cannot be built."""
    if (provider := _built.get(role)) is not None:
        return provider
    with _lock:
        if role not in _built:
            _built[role] = _build(role)
        return _built[role]


def embedder(name: str) -> Embedder | None:
    """The embedder called `name`: the chosen one, or one that was chosen before (FORMER_EMBEDDERS). None
    when there is none: what it made cannot be searched."""
    chosen = get("embedder")
    if chosen.name == name:
        return chosen
    with _lock:
        if name not in _former:
            _former[name] = _rebuilt(name)
        return _former[name]


def _rebuilt(name: str) -> Embedder | None:
    for config in settings.FORMER_EMBEDDERS:
        try:
            found = cast(Embedder, import_string(config["BACKEND"])(**config.get("OPTIONS", {})))
            if found.name == name and len(found.embed(["loads"])):
                return found
        except Exception as error:  # noqa: BLE001  (a model that is gone fails in many ways)
            _log.warning("%s cannot be loaded any more: %s", name, type(error).__name__)
    return None


async def aclose_all() -> None:
    """Close and forget the async providers; the next `get` builds new ones."""
    with _lock:
        built = [_built.pop(role) for role in _ASYNC_ROLES if role in _built]
    closing = cast(list[LLM | Vision | WebSearch], built)
    outcomes = await asyncio.gather(*(provider.aclose() for provider in closing), return_exceptions=True)
    for provider, outcome in zip(closing, outcomes, strict=True):
        if isinstance(outcome, Exception):
            _log.warning("%s did not close cleanly: %s", type(provider).__name__, type(outcome).__name__)


def reset() -> None:
    """Forget every provider without closing it, so that the next `get` reads the settings anew."""
    with _lock:
        _built.clear()
        _former.clear()


def _build(role: Role) -> AnyProvider:
    try:
        config = settings.PROVIDERS[role]
        backend = import_string(config["BACKEND"])
    except (KeyError, ImportError) as error:
        raise ImproperlyConfigured(f'PROVIDERS["{role}"] cannot be loaded: {error}') from error
    return cast(AnyProvider, backend(**config.get("OPTIONS", {})))


@receiver(setting_changed)
def _on_setting_changed(*, setting: str, **_kwargs: Any) -> None:
    if setting in ("PROVIDERS", "FORMER_EMBEDDERS"):
        reset()
