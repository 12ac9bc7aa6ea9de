"""Who may do what with the knowledge base.

Editors write; what they write answers nobody until a publisher says so. So an editor neither publishes
nor unpublishes, and what is published is not theirs to change or delete: a changed word would be live at
once. Publishers may do all of it, and rebuild the index. Both are groups that a site can change.
"""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, PermissionsMixin
from django.db import router

from knowledge.library import Kind

EDITORS, PUBLISHERS = "Editors", "Publishers"

_WRITE = tuple(
    f"{verb}_{kind}" for kind in ("document", "faq") for verb in ("view", "add", "change", "delete")
)
_GROUPS: dict[str, tuple[str, ...]] = {
    EDITORS: (*_WRITE, "view_indexbuild", "view_resemblance", "change_resemblance"),
    PUBLISHERS: (
        *_WRITE,
        "publish_document",
        "publish_faq",
        "view_indexbuild",
        "add_indexbuild",
        "view_resemblance",
        "change_resemblance",
    ),
}

User = AbstractBaseUser | AnonymousUser


def may(user: User, permission: str) -> bool:
    """`permission` is one of this app: "change_faq"."""
    return isinstance(user, PermissionsMixin | AnonymousUser) and user.has_perm(f"knowledge.{permission}")


def may_publish(user: User, kind: Kind) -> bool:
    return may(user, f"publish_{kind}")


def may_rebuild(user: User) -> bool:
    """The whole index; single sources are read again by whoever may write them."""
    return may(user, "add_indexbuild")


def create_groups(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After `migrate`, when the permissions are there. A group that exists is left as the site made it."""
    if not router.allow_migrate_model(using, Group):
        return
    for name, codenames in _GROUPS.items():
        group, created = Group.objects.using(using).get_or_create(name=name)
        if created:
            permissions = Permission.objects.using(using).filter(
                content_type__app_label="knowledge", codename__in=codenames
            )
            group.permissions.set(permissions)
