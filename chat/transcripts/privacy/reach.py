"""Which rows are a visitor's. Found by walking the models' relations, so that a new model is never forgotten:
whatever leads to a conversation, or names a visitor itself, belongs to that visitor."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.db.models import FileField, ForeignKey, Model, QuerySet

from chat.models import ConfirmedAddress, Conversation, TranscriptDelivery

VISITOR = "visitor"
APPS = ("chat", "knowledge", "videos")


@dataclass(frozen=True, slots=True)
class Holding:
    """The rows of one model."""

    model: type[Model]
    rows: QuerySet[Model]
    files: tuple[str, ...]
    """Names of the fields that lead to files."""


@cache
def paths() -> dict[type[Model], str | None]:
    """Of each model that holds something of a visitor: the lookup that leads to its conversation ("" of the
    conversation itself, None when it only names a visitor). What hangs on other rows comes first."""
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    found: dict[type[Model], str | None] = {Conversation: ""}
    before = -1
    while before != len(found):
        before = len(found)
        for model in models:
            if model not in found and (ways := _ways(model, found)):
                found[model] = ways[0]
    for model in models:
        if names_visitor(model):
            found.setdefault(model, None)
    return dict(sorted(found.items(), key=lambda pair: -_depth(pair[1])))


def _depth(way: str | None) -> int:
    return way.count("__") + 1 if way else 0


def _ways(model: type[Model], known: Mapping[type[Model], str | None]) -> list[str]:
    """The relations that lead on, best first: one that every row has, then the shortest."""
    ways = []
    for field in model._meta.concrete_fields:
        target = field.related_model if isinstance(field, ForeignKey) else None
        way = known.get(target) if isinstance(target, type) and target is not model else None
        if way is not None:
            whole = "__".join(part for part in (field.name, way) if part)
            ways.append((field.null, _depth(whole), whole))
    return [way for _, _, way in sorted(ways)]


def names_visitor(model: type[Model]) -> bool:
    return any(field.name == VISITOR for field in model._meta.concrete_fields)


def holdings(visitors: Collection[str]) -> list[Holding]:
    """Everything of these visitors, what hangs on other rows first."""
    return [
        _holding(model, VISITOR if names_visitor(model) else f"{way}__{VISITOR}", visitors)
        for model, way in paths().items()
    ]


def holdings_of(conversations: Collection[uuid.UUID]) -> list[Holding]:
    """Everything that hangs on these conversations."""
    return [_holding(model, way or "pk", conversations) for model, way in paths().items() if way is not None]


def _holding(model: type[Model], lookup: str, values: Collection[object]) -> Holding:
    files = tuple(field.name for field in model._meta.concrete_fields if isinstance(field, FileField))
    return Holding(model, model._base_manager.filter(**{f"{lookup}__in": values}), files)


def visitors_of(term: str) -> list[str]:
    """The visitors that somebody means who names a conversation, a visitor or an e-mail address."""
    term = term.strip()
    if "@" in term:
        return sorted(
            set(Conversation.objects.filter(contact_email__iexact=term).values_list("visitor", flat=True))
            | set(
                TranscriptDelivery.objects.filter(address=term.lower()).values_list(
                    "conversation__visitor", flat=True
                )
            )
            | set(ConfirmedAddress.objects.filter(address=term.lower()).values_list("visitor", flat=True))
        )
    try:
        row = Conversation.objects.filter(id=uuid.UUID(term)).first()
    except ValueError:
        row = None
    if row is not None:
        return [row.visitor]
    return [term] if any(holding.rows.exists() for holding in holdings([term])) else []
