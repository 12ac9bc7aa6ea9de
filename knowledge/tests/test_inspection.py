"""Whatever is done to the tables behind the program's back is found, told and mended."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from pytest_django import Settings

from knowledge import ingest, library
from knowledge.library.index import raise_generation
from knowledge.models import Chunk, Document, Faq, IndexState, RemovedChunk
from knowledge.tests.builders import WordEmbedder, a_faq

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_library(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "uploads"
    settings.PROVIDERS = settings.PROVIDERS | {
        "embedder": {"BACKEND": "knowledge.tests.builders.WordEmbedder", "OPTIONS": {}}
    }
    document = Document(name="g.md", format="md")
    library.save_document(document, file=ContentFile(b"# G\n\nText.", "g.md"))
    a_faq()
    ingest.reindex(embedder=WordEmbedder())


def check(*options: str) -> tuple[int, Any]:
    out = io.StringIO()
    try:
        call_command("check_knowledge", "--json", *options, stdout=out)
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue())["findings"]
    return 0, json.loads(out.getvalue())["findings"]


def lose_vector() -> None:
    Chunk.objects.filter(document__isnull=False).update(vector=b"")


def garble_vector() -> None:
    Chunk.objects.filter(document__isnull=False).update(vector=b"\xff" * 4 * WordEmbedder.dimension)


def double_chunk() -> None:
    chunk = Chunk.objects.first()
    assert chunk is not None
    chunk.pk = None
    chunk.save()


def leave_stray() -> None:
    double_chunk()
    Chunk.objects.filter(pk=Chunk.objects.latest("pk").pk).update(recipe="forgotten/chunk-v0")


def bury_alive() -> None:
    RemovedChunk.objects.create(chunk_id=Chunk.objects.latest("pk").pk, generation=library.state().generation)


def come_from_the_future() -> None:
    Chunk.objects.filter(document__isnull=False).update(generation=library.state().generation + 7)


def lose_chunk() -> None:
    Chunk.objects.filter(faq__isnull=False).delete()


def edit_behind() -> None:
    Faq.objects.update(answer="Another.")


def change_model() -> None:
    for table in (Document, Faq):
        table.objects.update(indexed_recipe="old/chunk-v0")
    Chunk.objects.update(recipe="old/chunk-v0")
    IndexState.objects.update(recipe="old/chunk-v0")


HARM = {
    "passages without a sound vector": lose_vector,
    "passages without a sound vector ": garble_vector,
    "passages that are there twice": double_chunk,
    "passages of an old model or version": leave_stray,
    "published passages that searches hold for gone": bury_alive,
    "passages that searches do not hear of": come_from_the_future,
    "0 of 2 passages are there": lose_chunk,
    "content changed": edit_behind,
    "made with another recipe": change_model,
}


@pytest.mark.parametrize("what", HARM)
def test_harm_is_found_and_mended(what: str) -> None:
    HARM[what]()
    code, found = check()
    assert code == 1
    assert any(what.strip() in finding["what"] for finding in found)
    assert check("--repair") == (0, [])
    assert check() == (0, [])
    assert Chunk.objects.count() == 3


def test_a_running_search_takes_back_what_it_held_for_gone() -> None:
    chunk = Chunk.objects.latest("pk")
    raise_generation()
    bury_alive()
    seen = library.state()
    assert chunk.pk in library.changes_since(seen.generation - 1, seen.recipe).removed
    assert check("--repair") == (0, [])
    told = library.changes_since(*seen)
    assert ([added.chunk_id for added in told.added], told.removed) == ([chunk.pk], [])


def test_a_sound_knowledge_base_says_so() -> None:
    out = io.StringIO()
    call_command("check_knowledge", stdout=out)
    assert out.getvalue() == "The knowledge base is sound.\n"


def test_a_file_that_is_gone_is_told_with_what_to_do_and_its_text_goes_on_answering() -> None:
    Path(Document.objects.get().file.path).unlink()
    code, found = check("--repair")
    assert (code, [(finding["what"], finding["subjects"]) for finding in found]) == (
        1,
        [("documents whose file is gone", ["G"])],
    )
    assert Chunk.objects.filter(document__isnull=False).exists()
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("check_knowledge", stdout=out)
    assert "upload the file again" in out.getvalue()
