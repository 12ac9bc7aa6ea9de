"""Every address of the site, asked for by everybody. A route that is not listed here fails."""

import io
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.test import AsyncClient, Client
from django.urls import URLPattern, URLResolver, get_resolver
from PIL import Image

from chat import visitors
from chat.models import Conversation
from chat.tests.conftest import Tab

pytestmark = pytest.mark.django_db(transaction=True)

NONE, OTHER, OWNER, STAFF, AGENT = "none", "other", "owner", "staff", "agent"
"""Nobody; another customer; the customer whose it is; a member of staff without any permission; one who may
look at conversations."""
OPEN = dict.fromkeys((NONE, OTHER, OWNER, STAFF, AGENT), 200)
MISSING = dict.fromkeys((NONE, OTHER, OWNER, STAFF, AGENT), 404)
POSTED = dict.fromkeys((NONE, OTHER, OWNER, STAFF, AGENT), 405)
MINE = {**MISSING, OWNER: 200}


@dataclass(frozen=True)
class Route:
    """`path` with the world's names in it, and the status that each visitor's GET is answered with."""

    path: str
    statuses: dict[str, int]


# A route that shows one customer's bytes is MINE, or names whoever else may see them. What needs a row that
# this world does not have is MISSING: its own tests show it to those who may.
ROUTES: dict[str, Route] = {
    "healthz": Route("/healthz", OPEN),
    "readyz": Route("/readyz", dict.fromkeys(OPEN, 503)),  # no index is in memory here
    "metrics": Route("/metrics", OPEN),  # asked from 127.0.0.1; others: joblynk/tests/test_monitoring.py
    "": Route("/", OPEN),
    "api/conversation/": Route("/api/conversation/?id={conversation}", MINE),
    "api/attachments/": Route("/api/attachments/", POSTED),
    "api/attachments/<uuid:attachment_id>/": Route("/api/attachments/{attachment}/", {**MINE, AGENT: 200}),
    "api/attachments/<uuid:attachment_id>/thumb/": Route(
        "/api/attachments/{attachment}/thumb/", {**MINE, AGENT: 200}
    ),
    "api/transcript/<uuid:conversation>.html": Route("/api/transcript/{conversation}.html", MINE),
    "api/transcript/<uuid:conversation>.txt": Route("/api/transcript/{conversation}.txt", MINE),
    "api/transcript/<uuid:conversation>.json": Route("/api/transcript/{conversation}.json", MINE),
    "transcript/confirm/<str:token>/": Route("/transcript/confirm/made-up/", MISSING),
    "webhooks/sendgrid/": Route("/webhooks/sendgrid/", POSTED),
    "api/videos/<int:video_id>/": Route("/api/videos/1/", MISSING),
    "api/videos/<int:video_id>/captions/<int:track_id>.vtt": Route("/api/videos/1/captions/1.vtt", MISSING),
    r"^videos/(?P<name>[0-9a-f]{32})\.(?P<kind>webm|mp4)$": Route(f"/videos/{'0' * 32}.webm", MISSING),
    r"^videos/posters/(?P<name>[0-9a-f]{32})\.webp$": Route(f"/videos/posters/{'0' * 32}.webp", MISSING),
}
WITHOUT_TOKEN = {"webhooks/sendgrid/"}  # signed by the service that posts there

# Which groups may open a model's list in the admin. Superusers may open all, nobody else any.
LISTS: dict[str, set[str]] = {
    "auth.group": set(),
    "auth.user": set(),
    "axes.accessattempt": set(),
    "axes.accessfailurelog": set(),
    "axes.accesslog": set(),
    "chat.auditentry": {"Supervisors"},
    "chat.conversation": {"Agents", "Supervisors"},
    "chat.feedback": {"Agents", "Supervisors"},
    "chat.spending": set(),
    "chat.transcriptdelivery": {"Agents", "Supervisors"},
    "django_tasks_database.dbtaskresult": set(),
    "knowledge.document": {"Editors", "Publishers"},
    "knowledge.faq": {"Editors", "Publishers"},
    "knowledge.indexbuild": {"Editors", "Publishers"},
    "knowledge.resemblance": {"Editors", "Publishers"},
    "videos.video": {"Video editors", "Video publishers"},
}
# Of the admin, for every member of staff: the first page, one's own password, and the words of the pages.
FOR_ALL_STAFF = {
    "admin/",
    "admin/password_change/",
    "admin/password_change/done/",
    "admin/jsi18n/",
    "admin/login/",
    "admin/logout/",
}
_SAMPLES = {
    "int": "1",
    "uuid": str(uuid.UUID(int=1)),
    "path": "1",
    "str": "made-up",
    "slug": "made-up",
    "id": "1",
}


def patterns(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, before + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            yield before + str(pattern.pattern)


def staff_routes() -> Iterator[tuple[str, str]]:
    """(pattern, a path of it) of the admin, without its last rule, which answers for what there is not."""
    for pattern in patterns():
        if pattern.startswith("admin/") and "(?P<" not in pattern:
            path = re.sub(r"<(?:(\w+):)?(\w+)>", lambda m: _SAMPLES[m[1] or m[2]], pattern)
            yield pattern, f"/{path}"


def test_every_route_is_listed() -> None:
    ours = {pattern for pattern in patterns() if not pattern.startswith("admin/")}
    assert ours == set(ROUTES)
    assert {model._meta.label_lower for model in admin.site._registry} == set(LISTS)


@pytest.fixture
async def world(open_tab: Callable[..., Awaitable[Tab]]) -> dict[str, str]:
    """A customer's conversation with a picture."""
    tab = await open_tab("a" * 32)
    await tab.hello()
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(picture, "PNG")
    picture.seek(0)
    picture.name = "screen.png"
    answer = await visit(OWNER).post("/api/attachments/", {"file": picture})
    assert answer.status_code == 201, answer.content
    conversation = await Conversation.objects.aget()
    return {"conversation": str(conversation.id), "attachment": answer.json()["id"]}


def visit(who: str) -> AsyncClient:
    client = AsyncClient()
    if who in (OWNER, OTHER):
        client.cookies[visitors.COOKIE] = visitors.sign(("a" if who == OWNER else "b") * 32)
    return client


async def test_what_is_a_customer_s_is_nobody_else_s(world: dict[str, str]) -> None:
    found: dict[str, dict[str, int]] = {}
    agent = await User.objects.acreate(username="agent", is_staff=True)
    await agent.user_permissions.aadd(await Permission.objects.aget(codename="view_conversation"))
    users = {AGENT: agent, STAFF: await User.objects.acreate(username="staff", is_staff=True)}
    for who in OPEN:
        client = visit(who)
        if who in users:
            await client.aforce_login(users[who])
        for route, listed in ROUTES.items():
            answer = await client.get(listed.path.format(**world))
            found.setdefault(route, {})[who] = answer.status_code
    assert found == {route: listed.statuses for route, listed in ROUTES.items()}


def test_the_admin_is_closed_to_customers_and_to_staff_without_permission(client: Client) -> None:
    customer, staff = Client(), Client()
    customer.cookies[visitors.COOKIE] = visitors.sign("a" * 32)
    staff.force_login(User.objects.create(username="staff", is_staff=True))
    opened = []
    for pattern, path in staff_routes():
        if pattern in FOR_ALL_STAFF:
            continue
        for who in (client, customer):
            for answer in (who.get(path), who.post(path)):
                if answer.status_code != 302 or not answer["Location"].startswith("/admin/login/"):
                    opened.append((path, "nobody", answer.status_code))
        for answer in (staff.get(path), staff.post(path)):
            inside = answer.status_code == 302 and answer["Location"] not in ("/admin/", f"{path}change/")
            if answer.status_code < 300 or inside:
                opened.append((path, "staff", answer.status_code))
    assert opened == []


def test_each_group_opens_the_lists_that_it_needs(client: Client) -> None:
    groups = [*Group.objects.all(), None]
    opened: dict[str, set[str]] = {label: set() for label in LISTS}
    for group in groups:
        user = User.objects.create(username=f"{group}", is_staff=True, is_superuser=group is None)
        if group is not None:
            user.groups.add(group)
        client.force_login(user)
        for label in LISTS:
            answer = client.get(f"/admin/{label.replace('.', '/')}/")
            assert answer.status_code in (200, 403), label
            if answer.status_code == 200:
                opened[label].add(str(group))
    assert opened == {label: {*names, "None"} for label, names in LISTS.items()}


def test_nothing_is_changed_without_the_page_s_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("mira"))
    ours = [(route, listed.path) for route, listed in ROUTES.items() if route not in WITHOUT_TOKEN]
    names = {"conversation": str(uuid.UUID(int=1)), "attachment": str(uuid.UUID(int=1))}
    taken = []
    for _, path in [*ours, *staff_routes()]:
        client.cookies[visitors.COOKIE] = visitors.sign("a" * 32)
        for method in (client.post, client.delete, client.put):
            answer = method(path.format(**names))
            if answer.status_code not in (403, 405):
                taken.append((method.__name__, path, answer.status_code))
    assert taken == []
