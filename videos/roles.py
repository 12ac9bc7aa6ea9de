"""Who may do what with the videos: as with the knowledge base, editors write and publishers publish.

What an editor writes is shown to nobody until a publisher says so, and what is published is not theirs to
change or delete. Both are groups that a site can change.
"""

from typing import Any

from django.apps import AppConfig
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission, PermissionsMixin
from django.db import router

EDITORS, PUBLISHERS = "Video editors", "Video publishers"

_WRITE = tuple(
    f"{verb}_{model}"
    for model in ("video", "chapter", "captiontrack")
    for verb in ("view", "add", "change", "delete")
)
_GROUPS: dict[str, tuple[str, ...]] = {EDITORS: _WRITE, PUBLISHERS: (*_WRITE, "publish_video")}

User = AbstractBaseUser | AnonymousUser


def may(user: User, permission: str) -> bool:
    """`permission` is one of this app: "change_video"."""
    return isinstance(user, PermissionsMixin | AnonymousUser) and user.has_perm(f"videos.{permission}")


def create_groups(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After `migrate`, when the permissions are there. A group that exists is left as the site made it."""
    if not router.allow_migrate_model(using, Group):
        return
    for name, codenames in _GROUPS.items():
        group, created = Group.objects.using(using).get_or_create(name=name)
        if created:
            permissions = Permission.objects.using(using).filter(
                content_type__app_label="videos", codename__in=codenames
            )
            group.permissions.set(permissions)
