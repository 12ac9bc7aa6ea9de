"""Who may do what, route by route and action by action. A route that is not listed fails the test."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from knowledge import ingest, library, roles
from knowledge.models import Document, Faq, FaqImport, Resemblance
from knowledge.tests.builders import WordEmbedder, a_document, a_faq

pytestmark = pytest.mark.django_db

ROLES = ("nobody", "staff", "reader", "editor", "publisher")


class Wall(NamedTuple):
    """What each role is answered: status codes in the order of `ROLES`."""

    codes: tuple[int, int, int, int, int]
    method: str = "get"
    data: Mapping[str, str] = MappingProxyType({})
    published: bool = True
    """Of the document or FAQ that the route is about."""


EDIT = {"question": "How do I pay?", "phrasings": "", "answer": "Changed.", "tags": ""}
TEXT = {"title": "T", "text": "Changed by ROLE.", "format": "md"}
SEEN = (302, 403, 200, 200, 200)
WRITE = (302, 403, 403, 200, 200)
PUBLISH = (302, 403, 403, 403, 200)
DONE = (302, 403, 403, 302, 302)
DONE_BY_PUBLISHERS = (302, 403, 403, 403, 302)

WALLS: dict[str, list[Wall]] = {
    "knowledge_ask": [Wall(SEEN)],
    "knowledge_document_changelist": [Wall(SEEN)],
    "knowledge_document_add": [Wall(WRITE), Wall(DONE, "post", {"text": "New by ROLE.", "format": "md"})],
    "knowledge_document_change": [
        Wall(SEEN),
        Wall(DONE_BY_PUBLISHERS, "post", TEXT),
        Wall(DONE, "post", TEXT, published=False),
    ],
    "knowledge_document_delete": [
        Wall(PUBLISH),
        Wall(DONE_BY_PUBLISHERS, "post", {"post": "yes"}),
        Wall(DONE, "post", {"post": "yes"}, published=False),
    ],
    "knowledge_document_history": [Wall(SEEN)],
    "knowledge_document_progress": [Wall(SEEN)],
    "knowledge_document_original": [Wall(SEEN)],
    "knowledge_document_passages": [Wall(SEEN)],
    "knowledge_document_read_again": [Wall((302, 403, 403, 403, 403)), Wall(DONE, "post")],
    "knowledge_document_replace": [
        Wall((302, 403, 403, 403, 403)),
        Wall(DONE_BY_PUBLISHERS, "post"),
        Wall(DONE, "post", published=False),
    ],
    "knowledge_faq_changelist": [Wall(SEEN)],
    "knowledge_faq_add": [Wall(WRITE), Wall(DONE, "post", EDIT | {"question": "Another one?"})],
    "knowledge_faq_change": [
        Wall(SEEN),
        Wall(DONE_BY_PUBLISHERS, "post", EDIT),
        Wall(DONE, "post", EDIT, published=False),
    ],
    "knowledge_faq_delete": [
        Wall(PUBLISH),
        Wall(DONE_BY_PUBLISHERS, "post", {"post": "yes"}),
        Wall(DONE, "post", {"post": "yes"}, published=False),
    ],
    "knowledge_faq_history": [Wall(SEEN)],
    "knowledge_faq_preview": [Wall(SEEN, "post", {"text": "*Hi*"})],
    "knowledge_faq_export": [Wall(SEEN)],
    "knowledge_faq_progress": [Wall(SEEN)],
    "knowledge_faq_import": [Wall(WRITE)],
    "knowledge_faq_confirm": [Wall((302, 403, 403, 404, 404))],  # somebody else's
    "knowledge_indexbuild_changelist": [Wall(SEEN)],
    "knowledge_indexbuild_add": [Wall((302, 403, 403, 403, 403))],
    "knowledge_indexbuild_change": [Wall((302, 403, 200, 200, 200))],
    "knowledge_indexbuild_delete": [Wall((302, 403, 403, 403, 403))],
    "knowledge_indexbuild_history": [Wall((302, 403, 200, 200, 200))],
    "knowledge_indexbuild_progress": [Wall(SEEN)],
    "knowledge_indexbuild_start": [
        Wall((302, 403, 403, 403, 403)),
        Wall(DONE_BY_PUBLISHERS, "post", {"scope": "all"}),
    ],
    "knowledge_resemblance_changelist": [Wall(SEEN)],
    "knowledge_resemblance_add": [Wall((302, 403, 403, 403, 403))],
    "knowledge_resemblance_change": [Wall((302, 403, 200, 200, 200))],
    "knowledge_resemblance_delete": [Wall((302, 403, 403, 403, 403))],
    "knowledge_resemblance_history": [Wall((302, 403, 200, 200, 200))],
    "knowledge_resemblance_look": [Wall((302, 403, 403, 403, 403)), Wall(DONE, "post")],
    "knowledge_resemblance_merge": [Wall((302, 403, 403, 403, 403)), Wall(DONE, "post")],
    "knowledge_resemblance_ignore": [Wall((302, 403, 403, 403, 403)), Wall(DONE, "post")],
}


@pytest.fixture(autouse=True)
def words(settings: Settings) -> None:
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }


@pytest.fixture
def signed_in() -> Callable[[str], Client]:
    """A client of somebody in that role."""

    def sign_in(role: str) -> Client:
        client = Client()
        if role == "nobody":
            return client
        user = get_user_model().objects.create_user(f"{role}-{uuid4()}", is_staff=True)
        if role == "reader":
            looks = Permission.objects.filter(
                content_type__app_label="knowledge", codename__startswith="view_"
            )
            user.user_permissions.set(looks)
        elif role != "staff":
            user.groups.add(Group.objects.get(name=f"{role.capitalize()}s"))
        client.force_login(user)
        return client

    return sign_in


def routes() -> list[str]:
    return sorted(
        str(pattern.name)
        for resolver in admin.site.urls[0]
        for pattern in getattr(resolver, "url_patterns", [])
        if str(pattern.name or "").startswith("knowledge_")
    )


def test_every_route_of_the_knowledge_pages_is_listed() -> None:
    assert sorted(WALLS) == sorted(set(routes()))


def address(route: str, published: bool) -> str:
    """Of a row that was made for this request."""
    url = None
    kind = route.split("_")[1]
    if kind == "document":
        row: Any = a_document(f"Text {uuid4()}.", title="T", published=published)
    elif kind == "faq":
        row = a_faq(published=published)
    elif kind == "indexbuild":
        row, _ = library.begin_build("test")
    else:
        row = Resemblance.objects.create(
            left_key="d1",
            right_key="f1",
            left_hash=uuid4().hex,
            right_hash="b",
            left_chunk=1,
            right_chunk=2,
            likeness=0.9,
        )
    if route == "knowledge_faq_confirm":
        owner = get_user_model().objects.create_user(f"owner-{uuid4()}")
        return reverse(
            f"admin:{route}", args=[library.keep_import("a.csv", "question,answer\nAbc?,d\n", owner).pk]
        )
    for arguments in ([], [row.pk]):
        try:
            url = reverse(f"admin:{route}", args=arguments)
        except Exception:  # noqa: S112, BLE001 - tries which arguments the route takes
            continue
        break
    assert url is not None
    return url


@pytest.mark.parametrize("route", sorted(WALLS))
def test_a_route_answers_each_role_as_it_is_listed(route: str, signed_in: Callable[[str], Client]) -> None:
    for wall in WALLS[route]:
        for role, code in zip(ROLES, wall.codes, strict=True):
            client, url = signed_in(role), address(route, wall.published)
            data = {
                name: value.replace("ROLE", f"{role} {wall.published}") for name, value in wall.data.items()
            }
            response = getattr(client, wall.method)(url, data)
            assert response.status_code == code, (route, wall.method, role, wall.published)
            if role == "nobody":
                assert "/login/" in response["Location"]


def act(client: Client, action: str, row: Document | Faq) -> None:
    url = reverse(f"admin:knowledge_{type(row)._meta.model_name}_changelist")
    client.post(url, {"action": action, "_selected_action": [row.pk], "post": "yes"})


@pytest.mark.parametrize("make", [a_document, a_faq])
@pytest.mark.parametrize(
    ("action", "published", "able"),
    [
        ("publish", False, {"publisher"}),
        ("unpublish", True, {"publisher"}),
        ("delete_selected", True, {"publisher"}),
        ("delete_selected", False, {"editor", "publisher"}),
        ("read_again", True, {"editor", "publisher"}),
    ],
)
def test_an_action_works_for_the_roles_that_have_it_and_does_nothing_for_others(
    make: Callable[..., Any],
    action: str,
    published: bool,
    able: set[str],
    signed_in: Callable[[str], Client],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for role in ROLES:
        row = make(published=published)
        jobs = DBTaskResult.objects.count()
        with django_capture_on_commit_callbacks(execute=True):
            act(signed_in(role), action, row)
        now = type(row).objects.filter(pk=row.pk).first()
        done = now is None or now.published != published or DBTaskResult.objects.count() > jobs
        assert done == (role in able), role
        type(row).objects.all().delete()


@pytest.mark.parametrize("kind", ["document", "faq"])
def test_what_an_editor_writes_is_not_published_whatever_the_form_says(
    kind: str, signed_in: Callable[[str], Client]
) -> None:
    editor = signed_in("editor")
    data = {"text": "New.", "format": "md"} if kind == "document" else EDIT
    url = reverse(f"admin:knowledge_{kind}_add")
    assert 'name="published"' not in editor.get(url).content.decode()
    assert editor.post(url, {**data, "published": "on"}).status_code == 302
    row: Any = Document.objects.get() if kind == "document" else Faq.objects.get()
    assert not row.published
    changed = {**data, "title": "T", "published": "on"}
    assert editor.post(reverse(f"admin:knowledge_{kind}_change", args=[row.pk]), changed).status_code == 302
    row.refresh_from_db()
    assert not row.published


def test_an_editor_who_picks_a_published_one_among_others_deletes_none(
    signed_in: Callable[[str], Client],
) -> None:
    mine, live = a_faq("Mine, a draft?", published=False), a_faq("Published already?")
    url = reverse("admin:knowledge_faq_changelist")
    data = {"action": "delete_selected", "_selected_action": [mine.pk, live.pk], "post": "yes"}
    signed_in("editor").post(url, data)
    assert Faq.objects.count() == 2


def test_an_import_of_an_editor_neither_publishes_nor_touches_what_is_published(
    signed_in: Callable[[str], Client],
) -> None:
    a_faq("How do I pay?", "By card.")
    editor = signed_in("editor")
    from django.core.files.uploadedfile import SimpleUploadedFile

    rows = "question,answer,published\nHow do I pay?,Cash.,yes\nA draft?,Yes.,no\nA live one?,Yes.,yes\n"
    response = editor.post(
        reverse("admin:knowledge_faq_import"), {"file": SimpleUploadedFile("f.csv", rows.encode())}
    )
    page = editor.get(response["Location"])
    plan = page.context["plan"]
    assert [row.outcome for row in plan.rows] == ["refused", "new", "refused"]
    editor.post(response["Location"], {"plan": plan.digest})
    assert {(faq.question, faq.answer, faq.published) for faq in Faq.objects.all()} == {
        ("How do I pay?", "By card.", True),
        ("A draft?", "Yes.", False),
    }
    assert not FaqImport.objects.exists()


def test_a_demotion_counts_from_the_next_request_on(signed_in: Callable[[str], Client]) -> None:
    document = a_document("Text.", title="T")
    ingest.run(document.pk, WordEmbedder())
    publisher = signed_in("publisher")
    url = reverse("admin:knowledge_document_change", args=[document.pk])
    assert publisher.post(url, {**TEXT, "published": "on"}).status_code == 302
    for user in get_user_model().objects.all():
        user.groups.clear()
    assert publisher.post(url, TEXT).status_code == 403


def test_groups_are_made_once_and_stay_as_the_site_changed_them() -> None:
    from django.apps import apps

    editors = Group.objects.get(name=roles.EDITORS)
    assert not editors.permissions.filter(codename__startswith="publish").exists()
    editors.permissions.clear()
    roles.create_groups(sender=apps.get_app_config("knowledge"), using="default")
    assert not editors.permissions.exists()
    assert Group.objects.get(name=roles.PUBLISHERS).permissions.filter(codename="publish_faq").exists()
