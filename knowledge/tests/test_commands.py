"""`reindex` and `load_demo`, as an operator calls them."""

import io
import json
import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, load_command_class
from pytest_django import Settings

from knowledge import demo_content
from knowledge.models import Document, Faq
from knowledge.tests.builders import a_document, a_docx, a_faq

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_site(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    (folder / "articles").mkdir(parents=True)
    (folder / "articles" / "refunds.md").write_text("# Refunds\n\nWithin 14 days.")
    (folder / "articles" / "sso.docx").write_bytes(a_docx("Single sign-on."))
    entries = [
        {"question": "How do I pay?", "phrasings": ["payment"], "answer": "By card.", "tags": ["billing"]}
    ]
    (folder / "faqs.json").write_text(json.dumps(entries))
    return folder


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_check_tells_drift_without_writing_and_exits_with_1() -> None:
    a_document("# Refunds\n\nText.", title="Refunds")
    with pytest.raises(CommandError) as error:
        run("reindex", "--check")
    assert error.value.returncode == 1
    assert Document.objects.get().state == Document.State.PENDING
    run("reindex")
    assert "up to date" in run("reindex", "--check")


def test_json_is_one_object() -> None:
    a_faq()
    assert json.loads(run("reindex", "--json"))["embedded"] == 2
    assert json.loads(run("reindex", "--json", "--all"))["kept"] == 2
    assert json.loads(run("reindex", "--json", "--check")) == {"drift": []}


COMMANDS = [
    "reindex",
    "search_knowledge",
    "evaluate_retrieval",
    "export_knowledge",
    "import_knowledge",
    "check_knowledge",
]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_tells_a_newcomer_what_it_does_what_it_takes_and_how_it_exits(name: str) -> None:
    command = load_command_class("knowledge", name)
    parser = command.create_parser("manage.py", name)
    assert len(command.help.split()) > 30
    assert "Exit code 0" in " ".join(parser.format_help().split())
    assert "--json" in parser.format_help()
    assert all(action.help for action in parser._actions)


def test_a_bar_shows_how_far_a_run_is_but_not_to_programs(capfd: pytest.CaptureFixture[str]) -> None:
    a_faq()
    run("reindex")
    assert "Indexing: 100%" in capfd.readouterr().err
    run("reindex", "--all", "--json")
    assert capfd.readouterr().err == ""


def test_the_demo_loaded_twice_is_there_once(demo: Path) -> None:
    assert demo_content.load(demo) == demo_content.Loaded(new=3, changed=0, removed=0)
    assert demo_content.load(demo) == demo_content.Loaded(new=0, changed=0, removed=0)
    run("reindex")
    assert list(Document.objects.values_list("title", flat=True)) == ["Refunds", "sso"]
    assert Faq.objects.get().tags == ["billing"]


def test_a_changed_file_updates_its_document_and_a_lost_one_takes_it_along(demo: Path) -> None:
    demo_content.load(demo)
    run("reindex")
    first = Document.objects.get(name="refunds.md").pk
    (demo / "articles" / "refunds.md").write_text("# Money back\n\nWithin 30 days.")
    (demo / "articles" / "sso.docx").unlink()
    (demo / "faqs.json").write_text("[]")
    assert demo_content.load(demo) == demo_content.Loaded(new=0, changed=1, removed=2)
    run("reindex")
    document = Document.objects.get()
    assert (document.pk, document.title) == (first, "Money back")
    assert not Faq.objects.exists()


def test_what_staff_wrote_is_left_alone_by_the_demo(demo: Path) -> None:
    a_document("Our own.")
    a_faq("Our own question?")
    demo_content.load(demo)
    shutil.rmtree(demo / "articles")
    (demo / "articles").mkdir()
    demo_content.load(demo)
    assert Document.objects.get().text == "Our own."
    assert Faq.objects.filter(question="Our own question?").exists()


@pytest.mark.content
def test_the_demo_that_ships_is_read_without_a_failure() -> None:
    assert "0 documents failed" in run("load_demo")
    assert Document.objects.count() >= 30
    assert Faq.objects.count() >= 40
    assert set(Document.objects.values_list("format", flat=True)) >= {"md", "html", "pdf", "docx"}
