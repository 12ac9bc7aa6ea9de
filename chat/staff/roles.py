"""Who may do what with conversations. Both are groups that a site can change.

Agents read conversations and answer customers. Supervisors also take a conversation over from a colleague,
export transcripts, export or erase all that a visitor left, and read the audit log. Editors of the knowledge
base have no look at conversations unless the site gives them one.
"""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, PermissionsMixin
from django.db import router

from chat.transcripts import Person

AGENTS, SUPERVISORS = "Agents", "Supervisors"
_READ = ("view_conversation", "answer_conversation", "view_feedback", "view_transcriptdelivery")
_GROUPS: dict[str, tuple[str, ...]] = {
    AGENTS: _READ,
    SUPERVISORS: (
        *_READ,
        "assign_conversation",
        "export_conversation",
        "erase_conversation",
        "view_auditentry",
        "resend_transcriptdelivery",
    ),
}

User = AbstractBaseUser | AnonymousUser
_BACKEND = "django.contrib.auth.backends.ModelBackend"  # the one that knows permissions


def may(user: User, permission: str) -> bool:
    """`permission` is one of this app: "answer_conversation"."""
    return isinstance(user, PermissionsMixin | AnonymousUser) and user.has_perm(f"chat.{permission}")


def person(user: User) -> Person:
    """As customers are told of them. Raises TypeError for somebody who is not signed in."""
    if not isinstance(user, AbstractBaseUser):
        raise TypeError("Only who is signed in answers customers.")
    full = getattr(user, "get_full_name", user.get_username)()
    return Person(int(user.pk), str(full or user.get_username())[:80])


def team() -> list[Person]:
    """Everybody who answers customers, by name."""
    manager: Any = get_user_model()._default_manager
    able = manager.with_perm("chat.answer_conversation", backend=_BACKEND).filter(is_staff=True)
    return sorted((person(account) for account in able), key=lambda one: one.name.casefold())


def create_groups(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After `migrate`, when the permissions are there. A group that exists is left as the site made it."""
    if not router.allow_migrate_model(using, Group):
        return
    for name, codenames in _GROUPS.items():
        group, created = Group.objects.using(using).get_or_create(name=name)
        if created:
            permissions = Permission.objects.using(using).filter(
                content_type__app_label="chat", codename__in=codenames
            )
            group.permissions.set(permissions)
