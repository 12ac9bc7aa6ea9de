"""Who may do what with videos, by route and by action. A route that is not listed fails the test."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from videos import roles
from videos.models import Video
from videos.tests.builders import a_video
from videos.tests.test_admin import ADDRESS, BASE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models_dir")]

ROLES = ("nobody", "staff", "reader", roles.EDITORS, roles.PUBLISHERS)
CHANGED = {**BASE, "title": "Changed", "address": ADDRESS}


class Wall(NamedTuple):
    """What each role is answered: status codes in the order of `ROLES`."""

    codes: tuple[int, int, int, int, int]
    method: str = "get"
    data: Mapping[str, Any] = MappingProxyType({})
    published: bool = True
    """Of the video that the route is about."""


SEEN = (302, 403, 200, 200, 200)
WRITE = (302, 403, 403, 200, 200)
DONE = (302, 403, 403, 302, 302)
DONE_BY_PUBLISHERS = (302, 403, 403, 403, 302)
WALLS = {
    "changelist": [Wall(SEEN)],
    "try": [Wall(SEEN), Wall(SEEN, data={"q": "mend a bicycle"})],
    "add": [Wall(WRITE), Wall(DONE, "post", CHANGED)],
    "change": [
        Wall(SEEN),
        Wall(DONE_BY_PUBLISHERS, "post", CHANGED),
        Wall(DONE, "post", CHANGED, published=False),
    ],
    "delete": [
        Wall((302, 403, 403, 403, 200)),
        Wall(WRITE, published=False),
        Wall(DONE_BY_PUBLISHERS, "post", {"post": "yes"}),
        Wall(DONE, "post", {"post": "yes"}, published=False),
    ],
    "history": [Wall(SEEN)],
}


def signed_in(role: str) -> Client:
    client = Client()
    if role == "nobody":
        return client
    user = get_user_model()._default_manager.create_user(username=f"{role} {uuid4()}", is_staff=True)
    if role == "reader":
        user.user_permissions.add(Permission.objects.get(codename="view_video"))
    elif role != "staff":
        user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client


def address(route: str, published: bool) -> str:
    """Of a video that was made for this request."""
    video = a_video(published=published, read=False)
    single = route in ("changelist", "try", "add")
    return reverse(f"admin:videos_video_{route}", args=[] if single else [video.pk])


def test_every_route_of_the_video_pages_is_listed() -> None:
    names = {
        str(pattern.name)
        for resolver in admin.site.urls[0]
        for pattern in getattr(resolver, "url_patterns", [])
    }
    assert {name for name in names if name.startswith("videos_")} == {
        f"videos_video_{name}" for name in WALLS
    }


@pytest.mark.parametrize("route", sorted(WALLS))
def test_a_route_answers_each_role_as_it_is_listed(route: str) -> None:
    for wall in WALLS[route]:
        for role, code in zip(ROLES, wall.codes, strict=True):
            client, url = signed_in(role), address(route, wall.published)
            response = getattr(client, wall.method)(url, wall.data)
            assert response.status_code == code, (route, wall.method, role, wall.published)
            if role == "nobody":
                assert "/login/" in response["Location"]


@pytest.mark.parametrize(
    ("action", "published", "able"),
    [
        ("publish", False, {roles.PUBLISHERS}),
        ("unpublish", True, {roles.PUBLISHERS}),
        ("delete_selected", True, {roles.PUBLISHERS}),
        ("delete_selected", False, {roles.EDITORS, roles.PUBLISHERS}),
    ],
)
def test_an_action_works_for_the_roles_that_have_it_and_does_nothing_for_others(
    action: str, published: bool, able: set[str]
) -> None:
    for role in ROLES:
        video = a_video(published=published, read=False)
        data = {"action": action, "_selected_action": [video.pk], "post": "yes"}
        signed_in(role).post(reverse("admin:videos_video_changelist"), data)
        now = Video.objects.filter(pk=video.pk).first()
        assert (now is None or now.published != published) == (role in able), role


def test_an_editor_who_picks_a_published_one_among_others_deletes_none() -> None:
    chosen = [a_video(published=published, read=False).pk for published in (True, False)]
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    signed_in(roles.EDITORS).post(reverse("admin:videos_video_changelist"), data)
    assert Video.objects.count() == 2


def test_what_an_editor_writes_is_not_published_whatever_the_form_says() -> None:
    editor, draft = signed_in(roles.EDITORS), a_video("A draft", published=False, read=False)
    assert BASE["published"] == "on"
    for route, arguments in (("add", []), ("change", [draft.pk])):
        url = reverse(f"admin:videos_video_{route}", args=arguments)
        assert 'name="published"' not in editor.get(url).content.decode()
        assert editor.post(url, CHANGED).status_code == 302
    assert list(Video.objects.values_list("title", "published")) == [("Changed", False)] * 2


def test_a_demotion_counts_from_the_next_request_on() -> None:
    publisher, url = signed_in(roles.PUBLISHERS), address("change", published=True)
    assert publisher.post(url, CHANGED).status_code == 302
    for user in get_user_model()._default_manager.all():
        user.groups.clear()
    assert publisher.post(url, CHANGED).status_code == 403
