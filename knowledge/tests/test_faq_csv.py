"""FAQs out to a spreadsheet and back: exactly, safely, and with every row accounted for."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_tasks_db.models import DBTaskResult
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoCaptureOnCommitCallbacks

from knowledge import faq_csv, library
from knowledge.faq_csv import CsvError
from knowledge.models import Faq, FaqImport
from knowledge.tests.builders import a_faq

pytestmark = pytest.mark.django_db


def outcomes(text: str, *, may_publish: bool = True) -> list[tuple[str, str]]:
    plan = faq_csv.plan(faq_csv.read(text), may_publish=may_publish)
    return [(row.outcome, row.reason) for row in plan.rows]


def bring(client: Client, content: bytes, name: str = "faqs.csv") -> Any:
    return client.post(reverse("admin:knowledge_faq_import"), {"file": SimpleUploadedFile(name, content)})


# --- The dry run -----------------------------------------------------------------------------------
def test_every_row_is_told_new_changed_unchanged_or_refused() -> None:
    a_faq("How do I pay?", "By card.", tags=["billing"])
    a_faq("Is it free?", "Yes.")
    plan = faq_csv.plan(
        faq_csv.read(
            "question,answer,tags,published\n"
            "how do  I PAY?,By card or invoice.,billing,yes\n"
            "Is it free?,Yes.,,yes\n"
            'May I bring a dog?,"No, sorry.",,no\n'
            "Hm,Too short.,,yes\n"
            "Without an answer?,,,yes\n"
            "Is it free?,No.,,yes\n"
            "Half published?,Text.,,perhaps\n"
            "Too many?,Text.,,yes,surplus\n"
        ),
        may_publish=True,
    )
    assert [row.outcome for row in plan.rows] == ["changed", "unchanged", "new"] + ["refused"] * 5
    assert [row.line for row in plan.rows] == list(range(2, 10))
    changes = {change.field: (change.before, change.after) for change in plan.rows[0].changes}
    assert changes == {
        "question": ("How do I pay?", "how do I PAY?"),
        "answer": ("By card.", "By card or invoice."),
    }
    reasons = [row.reason for row in plan.rows[3:]]
    assert "at least 3 characters" in reasons[0]
    assert "answer" in reasons[1]
    assert reasons[2] == "The same question stands in line 3."
    assert "neither yes nor no" in reasons[3]
    assert "more cells" in reasons[4]
    assert Faq.objects.count() == 2


def test_a_column_that_is_missing_changes_nothing_and_one_too_many_is_named() -> None:
    a_faq("How do I pay?", "By card.", tags=["billing"], phrasings=["payment"], published=False)
    table = faq_csv.read("Question;Answer;Owner\nHow do I pay?;By invoice.;Mira\n")
    plan = faq_csv.plan(table, may_publish=True)
    (row,) = plan.rows
    assert [change.field for change in row.changes] == ["answer"]
    assert plan.ignored == ("owner",)
    assert row.faq and (row.faq.tags, row.faq.phrasings, row.faq.published) == (
        ["billing"],
        ["payment"],
        False,
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "name the columns"),
        (b"question,answer\n", "no row below"),
        (b"frage,antwort\na,b\n", "question"),
        (b"question,answer,answer\na,b,c\n", "same name"),
        (b'question,answer\n"open,quote\n', "not sound CSV"),
        (b"question,answer\n" + b"x" * 200_000 + b",y\n", "not sound CSV"),
        (b"\x00\x01\x02binary", "not a text file"),
        (
            b"question,answer\n" + b"".join(b"Question %d?,a\n" % n for n in range(5_001)),
            "more than 5,000 rows",
        ),
        (b"x" * (5 * 1024 * 1024 + 1), "larger than 5 MB"),
    ],
)
def test_a_file_that_cannot_be_taken_says_why(admin_client: Client, content: bytes, words: str) -> None:
    if content:
        assert words in bring(admin_client, content).content.decode()
    with pytest.raises(CsvError, match=words):
        faq_csv.read(faq_csv.decoded(content))
    assert not FaqImport.objects.exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250"])
def test_the_encodings_of_spreadsheets_are_understood(encoding: str) -> None:
    words = ("Jak usunąć konto?", "Źródło: ą") if encoding == "cp1250" else ("Was heißt das?", "Äpfel")
    table = faq_csv.read(faq_csv.decoded(f"question\tanswer\n{words[0]}\t{words[1]}\n".encode(encoding)))
    assert (table.rows[0][1]["question"], table.rows[0][1]["answer"]) == words


# --- The import ------------------------------------------------------------------------------------
def test_nothing_is_written_before_the_yes_and_everything_that_was_shown_after_it(
    admin_client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    kept = a_faq("How do I pay?", "By card.")
    where = bring(admin_client, b"question,answer\nHow do I pay?,By invoice.\nIs it free?,Yes.\n?,No\n")[
        "Location"
    ]
    shown = admin_client.get(where)
    assert Faq.objects.count() == 1
    text = shown.content.decode()
    assert "1 new, 1 changed, 0 unchanged, 1 refused" in text
    assert "By card." in text
    assert "By invoice." in text
    with django_capture_on_commit_callbacks(execute=True):
        assert admin_client.post(where, {"plan": shown.context["plan"].digest}).status_code == 302
    kept.refresh_from_db()
    assert (kept.answer, Faq.objects.count()) == ("By invoice.", 2)
    assert DBTaskResult.objects.count() == 1
    assert admin_client.get(where).status_code == 404


def test_a_yes_to_what_is_no_longer_true_writes_nothing_and_shows_it_again(admin_client: Client) -> None:
    faq = a_faq("How do I pay?", "By card.")
    where = bring(admin_client, b"question,answer\nHow do I pay?,By invoice.\n")["Location"]
    digest = admin_client.get(where).context["plan"].digest
    faq.answer = "By card, since today."
    library.save_faq(faq)
    answer = admin_client.post(where, {"plan": digest})
    assert "Look at it once more" in answer.content.decode()
    faq.refresh_from_db()
    assert faq.answer == "By card, since today."


def test_an_import_is_its_owners_alone_and_goes_after_a_day(admin_client: Client) -> None:
    where = bring(admin_client, b"question,answer\nIs it free?,Yes.\n")["Location"]
    other = Client()
    other.force_login(get_user_model().objects.create_superuser("other"))
    assert other.get(where).status_code == 404
    FaqImport.objects.update(created_at="2020-01-01T00:00:00Z")
    bring(admin_client, b"question,answer\nIs it new?,Yes.\n")
    assert admin_client.get(where).status_code == 404


# --- The export ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1 euro", "@cmd", "\t=1", "'=1", "''@x", "|calc", "%0a", "\uff1d1"]
)
def test_no_cell_is_a_formula_and_it_comes_back_as_it_was(text: str) -> None:
    a_faq("Is it =safe?", text, phrasings=[text.strip(), "other"], tags=[text.strip()])
    content = faq_csv.written(library.all_faqs())
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "|", "%", "\uff1d"))
    plan = faq_csv.plan(faq_csv.read(faq_csv.decoded(content)), may_publish=True)
    assert [row.outcome for row in plan.rows] == ["unchanged"]


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(answer=cells, phrasings=st.lists(cells, max_size=3), tags=st.lists(cells, max_size=3))
def test_any_faq_survives_the_way_out_and_back(answer: str, phrasings: list[str], tags: list[str]) -> None:
    tidy = [" ".join(text.split()) for text in phrasings]
    labels = [" ".join(text.replace(",", " ").split()) for text in tags]
    faq = Faq(
        question="Is it the same?",
        answer=answer.strip() or "x",
        phrasings=list(dict.fromkeys(text for text in tidy if text)),
        tags=list(dict.fromkeys(text for text in labels if text)),
    )
    table = faq_csv.read(faq_csv.decoded(faq_csv.written([faq])))
    (row,) = faq_csv.plan(table, may_publish=True).rows
    assert row.faq, row.reason
    assert (row.faq.answer, row.faq.phrasings, row.faq.tags) == (faq.answer, faq.phrasings, faq.tags)


def test_the_export_is_an_attachment_that_spreadsheets_read(admin_client: Client) -> None:
    a_faq("Was heißt das?", "Äpfel")
    answer = admin_client.get(reverse("admin:knowledge_faq_export"))
    assert answer["Content-Disposition"].startswith('attachment; filename="faqs-')
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "Äpfel" in answer.content.decode()
