"""Whatever stands in whatever field, no page of staff turns it into markup."""

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from knowledge import ingest, library, markup, resemblance, search
from knowledge.models import Chunk, Document, DocumentVersion, Faq, IndexBuild, Resemblance
from knowledge.tests.builders import WordEmbedder, a_document, a_faq

pytestmark = pytest.mark.django_db

EVIL = """"'><script>e()</script><img src=x onerror=e()><evil-node onclick="e()">{{ 7|add:7 }}</textarea>"""


class Nodes(HTMLParser):
    """What a browser would make of the page: no script of its own, no handler, no node of EVIL."""

    def __init__(self) -> None:
        super().__init__()
        self.injected: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        inline = tag == "script" and "src" not in names and names.get("type") != "application/json"
        styled = tag == "style" or "style" in names
        if tag == "evil-node" or inline or styled or any(name.startswith("on") for name in names):
            self.injected.append(self.get_starttag_text() or tag)
        for name in ("href", "src", "action"):
            if (names.get(name) or "").strip().lower().startswith("javascript:"):
                self.injected.append(self.get_starttag_text() or tag)


@pytest.fixture
def seeded(settings: Settings, tmp_path: Path) -> dict[str, Any]:
    """Every text field of every model holds EVIL."""
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }
    search.forget()
    user = get_user_model().objects.create_user("evil", first_name=EVIL[:150])
    get_user_model().objects.filter(pk=user.pk).update(username=EVIL[:150])
    documents = [
        a_document(f"# {EVIL}\n\n## {EVIL}\n\n{EVIL} {n}", title=EVIL, name=EVIL, created_by=user)
        for n in range(2)
    ]
    faq = a_faq(EVIL, EVIL, phrasings=[EVIL], tags=[EVIL])
    a_faq(f"{EVIL} again", EVIL)
    ingest.reindex(reason=EVIL, by=user, embedder=WordEmbedder())
    build = IndexBuild.objects.get()
    IndexBuild.objects.create(reason=EVIL, error=EVIL, by=user, finished_at=build.finished_at)
    resemblance.look()
    Resemblance.objects.update(contradiction=EVIL[:200])
    Document.objects.filter(pk=documents[0].pk).update(error=EVIL, state=Document.State.FAILED)
    DocumentVersion.objects.update(name=EVIL, difference=[f"+ {EVIL}", EVIL], by=user)
    DocumentVersion.objects.create(
        document=documents[0],
        number=2,
        name=EVIL,
        content_hash="x",
        by=user,
        ready_at=build.finished_at,
        difference=[EVIL],
    )
    Chunk.objects.update(heading=EVIL)
    return {"document": documents[0], "faq": faq, "build": build}


def addresses(seeded: dict[str, Any]) -> list[str]:
    document, faq = seeded["document"].pk, seeded["faq"].pk
    evil = {"q": EVIL}
    return [
        reverse("admin:index"),
        reverse("admin:app_list", args=["knowledge"]),
        *(
            reverse(f"admin:knowledge_{name}_changelist")
            for name in ("document", "faq", "indexbuild", "resemblance")
        ),
        *(
            reverse(f"admin:knowledge_document_{name}", args=[document])
            for name in ("change", "delete", "history", "passages")
        ),
        *(reverse(f"admin:knowledge_faq_{name}", args=[faq]) for name in ("change", "delete", "history")),
        reverse("admin:knowledge_indexbuild_change", args=[seeded["build"].pk]),
        reverse(
            "admin:knowledge_resemblance_change", args=[Resemblance.objects.values_list("pk", flat=True)[0]]
        ),
        reverse("admin:knowledge_document_add"),
        reverse("admin:knowledge_faq_add"),
        reverse("admin:knowledge_faq_import"),
        reverse("admin:knowledge_document_passages", args=[document], query=evil),
        reverse("admin:knowledge_ask", query=evil),
        reverse("admin:knowledge_document_changelist", query=evil),
    ]


def assert_clean(page: str) -> None:
    nodes = Nodes()
    nodes.feed(page)
    assert nodes.injected == []


def test_no_page_turns_a_field_into_markup(admin_client: Client, seeded: dict[str, Any]) -> None:
    for url in addresses(seeded):
        response = admin_client.get(url)
        assert response.status_code == 200, url
        assert_clean(response.content.decode())
    assert Resemblance.objects.exists()


def test_no_answer_to_a_form_turns_what_was_sent_into_markup(
    admin_client: Client, seeded: dict[str, Any]
) -> None:
    file = SimpleUploadedFile(f"{EVIL.replace('/', '')}.exe", b"MZ")
    text = admin_client.post(
        reverse("admin:knowledge_document_add"), {"upload": file, "title": EVIL}
    ).content.decode()
    assert "Refused" in text
    assert_clean(text)
    twin = {"text": seeded["document"].text, "format": "md", "title": EVIL}
    assert_clean(admin_client.post(reverse("admin:knowledge_document_add"), twin).content.decode())
    cell = EVIL.replace('"', '""')
    rows = f'question,answer,"{cell}"\n"{cell}","new {cell}",x\n"x","{cell}",y\n'
    sent = {"file": SimpleUploadedFile("f.csv", rows.encode())}
    answer = admin_client.post(reverse("admin:knowledge_faq_import"), sent)
    text = admin_client.get(answer["Location"]).content.decode()
    assert "1 changed" in text
    assert_clean(text)


def test_the_answers_for_scripts_are_json_and_nothing_else(
    admin_client: Client, seeded: dict[str, Any]
) -> None:
    for url in (
        reverse("admin:knowledge_document_progress") + f"?ids={seeded['document'].pk}",
        reverse("admin:knowledge_indexbuild_progress"),
    ):
        answer = admin_client.get(url)
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "text",
    [
        EVIL,
        "<svg/onload=evil()>",
        "[a](javascript:evil())",
        "[a](data:text/html,<script>evil()</script>)",
        "![x](https://tracker.example/p.png)",
        '<https://a.example/"onmouseover=evil()>',
        "```\n<script>evil()</script>\n```",
        "| <script>evil()</script> |\n|---|\n| <img src=x onerror=evil()> |",
    ],
)
def test_the_preview_of_an_answer_is_harmless(admin_client: Client, text: str) -> None:
    html = admin_client.post(reverse("admin:knowledge_faq_preview"), {"text": text}).json()["html"]
    assert_clean(html)
    assert "<img" not in html


def test_the_preview_shows_what_customers_see() -> None:
    html = markup.to_html(
        "# Title\n\n**Bold** and [a link](https://a.example)\n\n1. One\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    )
    assert "<h3>Title</h3>" in html
    assert "<strong>Bold</strong>" in html
    assert '<a href="https://a.example" rel="noopener nofollow">a link</a>' in html
    assert "<table>" in html


def test_a_name_that_lies_about_its_ending_is_shown_without_the_trick(admin_client: Client) -> None:
    file = SimpleUploadedFile("invoice\u202etxt.exe.md", b"# T\n\nText.")
    admin_client.post(reverse("admin:knowledge_document_add"), {"upload": file})
    assert Document.objects.get().name == "invoicetxt.exe.md"
    assert library.versions(Document.objects.get())[0].name == "invoicetxt.exe.md"
    assert not Faq.objects.exists()
