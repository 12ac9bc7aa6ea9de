"""Pairs that say nearly the same are found, kept, marked and ignored."""

import time

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from knowledge import ingest, library, resemblance, roles, tasks
from knowledge.library import StoredVector
from knowledge.models import Chunk, Document, Faq, Resemblance
from knowledge.resemblance import contradiction
from knowledge.tests.builders import WordEmbedder, a_document, a_faq

pytestmark = pytest.mark.django_db

SAME = " ".join(f"word{number}" for number in range(40))


@pytest.fixture(autouse=True)
def words(settings: Settings) -> None:
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }


def found() -> list[tuple[str, str]]:
    return [(row.left_key, row.right_key) for row in Resemblance.objects.filter(ignored_at=None)]


def index() -> None:
    ingest.reindex(embedder=WordEmbedder())


def test_the_same_question_twice_and_the_same_text_in_two_documents_are_found() -> None:
    one, two = a_faq("How do I pay my invoice", "By card."), a_faq("How do I pay my invoice now", "Cash.")
    a = a_document("# Dogs\n\nYou may bring your dog to the office on fridays")
    b = a_document("# Dogs\n\nYou may bring your dog to the office on fridays too")
    a_document("# Parking\n\nThe gate code is 4711.")
    index()
    assert resemblance.look().pairs == 2
    assert sorted(found()) == sorted([(f"d{a.pk}", f"d{b.pk}"), (f"f{one.pk}", f"f{two.pk}")])


def test_the_worker_looks_by_itself_once_all_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_looked", -tasks._LOOK_SECONDS)
    monkeypatch.setattr(tasks, "_looked_at", -1)
    a, b = (
        a_document("# Dogs\n\nDogs may come on fridays"),
        a_document("# Dogs\n\nDogs may come on fridays too"),
    )
    tasks.take_due()
    assert found() == [(f"d{a.pk}", f"d{b.pk}")]


def test_passages_of_one_document_are_not_compared_with_each_other() -> None:
    a_document("# T\n\n## A\n\nThe very same words.\n\n## B\n\nThe very same words.")
    index()
    assert resemblance.look().pairs == 0


@pytest.mark.parametrize(
    ("left", "right", "marked"),
    [
        ("Refunds take 14 days.", "You get it back within 30 days.", True),
        ("Refunds take 14 days.", "Refunds take 14 working days.", False),
        ("Yes, dogs may come.", "Dogs may not come.", True),
        ("Yes, dogs may come.", "Dogs can't come.", True),
        ("Dogs may come.", "Cats may come.", False),
        ("1. Open it.\n2. Press Pay.", "1. Open it.\n2. Press Buy.\n3. Done.", False),
        ("It costs 1,190 euros.", "It costs 1,190 euros a year, or 119 a month.", False),
    ],
)
def test_answers_to_one_question_may_contradict_in_numbers_and_in_a_no(
    left: str, right: str, marked: bool
) -> None:
    assert bool(contradiction(left, right, same_question=True)) is marked
    assert bool(contradiction(right, left, same_question=True)) is marked


def test_long_texts_contradict_only_where_their_sentences_speak_of_the_same() -> None:
    left = "A refund takes fourteen working days. Parking costs 5 euros each morning."
    right = "A refund takes fourteen working days. Lunch vouchers come every 7 weeks."
    assert contradiction(left, right) == ""
    assert "5 in one, 9 in the other" in contradiction(left, right + " Parking costs 9 euros each morning.")


def test_ignored_pairs_stay_ignored_through_looking_and_reindexing_until_a_text_changes(
    admin_client: Client,
) -> None:
    a_faq("How do I pay my invoice", "By card.")
    two = a_faq("How do I pay my invoice now", "Cash.")
    index()
    resemblance.look()
    row = Resemblance.objects.get()
    admin_client.post(reverse("admin:knowledge_resemblance_ignore", args=[row.pk]))
    ingest.reindex("all", embedder=WordEmbedder())
    resemblance.look()
    assert found() == []
    ignored = Resemblance.objects.get()
    assert ignored.ignored_by and ignored.ignored_by.get_username() == "admin"
    listed = admin_client.get(reverse("admin:knowledge_resemblance_changelist") + "?show=ignored")
    assert len(listed.context["pairs"]) == 1
    Faq.objects.filter(pk=two.pk).update(answer="By bank transfer.")
    index()
    resemblance.look()
    assert len(found()) == 1


def test_a_pair_of_which_one_is_gone_or_written_anew_is_not_shown(admin_client: Client) -> None:
    a = a_document("# Dogs\n\nYou may bring your dog to the office every day")
    b = a_document("# Dogs\n\nYou may bring your dog to the office every day too")
    index()
    resemblance.look()
    url = reverse("admin:knowledge_resemblance_changelist")
    assert len(admin_client.get(url).context["pairs"]) == 1
    Document.objects.filter(pk=a.pk).update(text="# Dogs\n\nNo dogs.")
    index()
    assert len(admin_client.get(url).context["pairs"]) == 0
    library.remove("document", [b.pk])
    assert admin_client.get(url).status_code == 200


def merge(client: Client, keep: str) -> int:
    pair = Resemblance.objects.get()
    url = reverse("admin:knowledge_resemblance_merge", args=[pair.pk])
    return client.post(url, {"keep": keep}).status_code


def test_of_two_faqs_one_is_kept_with_the_questions_and_tags_of_both(admin_client: Client) -> None:
    a_faq("How do I pay my invoice", "By card.", phrasings=["invoice"], tags=["money"])
    kept = a_faq("How do I pay my invoice now", "Cash.", phrasings=["Invoice", "pay now"], tags=["pay"])
    index()
    resemblance.look()
    listed = admin_client.get(reverse("admin:knowledge_resemblance_changelist")).content.decode()
    assert listed.count("Keep this answer") == 2
    assert merge(admin_client, "right") == 302
    merged = Faq.objects.get()
    assert (merged.pk, merged.answer, merged.tags) == (kept.pk, "Cash.", ["pay", "money"])
    assert merged.phrasings == ["Invoice", "pay now", "How do I pay my invoice"]
    index()
    assert set(Chunk.objects.filter(role="phrasing").values_list("text", flat=True)) == {
        kept.question,
        *merged.phrasings,
    }
    assert merge(admin_client, "left") == 302  # by now one of them is gone
    assert Faq.objects.count() == 1


def test_an_editor_merges_drafts_only(client: Client, django_user_model: type[User]) -> None:
    a_faq("How do I pay my invoice", "By card.", published=False)
    live = a_faq("How do I pay my invoice now", "Cash.")
    index()
    resemblance.look()
    editor = django_user_model.objects.create_user("editor", is_staff=True)
    editor.groups.add(Group.objects.get(name=roles.EDITORS))
    client.force_login(editor)
    url = reverse("admin:knowledge_resemblance_changelist")
    assert "Keep this answer" not in client.get(url).content.decode()
    assert merge(client, "left") == merge(client, "right") == 403
    library.set_published("faq", [live.pk], False)
    assert "Keep this answer" in client.get(url).content.decode()
    assert merge(client, "right") == 302
    assert Faq.objects.get() == live


def test_contradictions_have_a_list_of_their_own(admin_client: Client) -> None:
    a_faq("How long does a refund take", "It takes 14 days.")
    a_faq("How long does a refund take now", "It takes 30 days.")
    index()
    assert resemblance.look().contradictions == 1
    url = reverse("admin:knowledge_resemblance_changelist")
    text = admin_client.get(url + "?show=contradictions").content.decode()
    assert "May contradict" in text
    assert "14 in one, 30 in the other" in text


def test_the_cost_is_bounded_whatever_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        a_document(f"# D{number}\n\n{SAME}")
    index()
    monkeypatch.setattr(resemblance, "NEWEST", 5)
    monkeypatch.setattr(resemblance, "MOST_PAIRS", 3)
    summary = resemblance.look()
    assert (summary.compared, summary.stored, summary.pairs) == (5, 12, 3)
    newest = set(Chunk.objects.order_by("-generation", "pk").values_list("pk", flat=True)[:5])
    assert {pk for row in Resemblance.objects.all() for pk in (row.left_chunk, row.right_chunk)} <= newest


def test_many_equal_vectors_are_compared_in_blocks_without_a_flood() -> None:
    rows = [StoredVector(f"d{n}", "h", n) for n in range(3_000)]
    matrix = np.tile(np.eye(1, 64, dtype=np.float32), (3_000, 1))
    start = time.perf_counter()
    pairs = list(resemblance.alike(rows, matrix, 0.9))
    assert len(pairs) <= 12 * resemblance.MOST_PAIRS
    assert time.perf_counter() - start < 20


def test_pages_of_pairs_cost_the_same_few_queries(admin_client: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            admin_client.get(reverse("admin:knowledge_resemblance_changelist"))
        return len(asked)

    for number in range(2):
        a_document(f"# D{number}\n\n{SAME}")
    index()
    resemblance.look()
    few = cost()
    for number in range(2, 9):
        a_document(f"# D{number}\n\n{SAME}")
    index()
    resemblance.look()
    assert Resemblance.objects.count() > 20
    assert cost() <= few <= 12
