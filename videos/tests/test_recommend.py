"""Recommending through the public door: real database, encoder and index."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from joblynk.providers import registry
from videos import catalogue, ranking, reading, recommend
from videos.catalogue import NewChapter
from videos.models import Piece, Video
from videos.recommend import recommend_now
from videos.tests.builders import CUES, a_video, change

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("models_dir")]

PATCH = "how do I patch a hole in the tube of my bicycle?"
CHAPTERS = ((3.0, "Take out the wheel"), (20.0, "Patch the tube"), (40.0, "Care for the chain"))


def titles(text: str, **options: object) -> list[str]:
    return [found.title for found in recommend_now(text, **options)]  # type: ignore[arg-type]


def test_a_video_begins_where_its_captions_answer() -> None:
    a_video(cues=CUES)
    found = recommend_now(PATCH)[0]
    assert (found.title, found.start, found.matched) == ("Mend a bicycle", 20.0, "caption")


def test_a_chapter_says_where_that_is() -> None:
    a_video(chapters=CHAPTERS)
    found = recommend_now(PATCH)[0]
    assert (found.start, found.chapter, found.matched) == (20.0, "Patch the tube", "chapter")


def test_a_video_without_captions_begins_where_its_address_says() -> None:
    a_video("Patch the tube of a bicycle", starts_at=12.0)
    assert recommend_now(PATCH)[0].start == 12.0


def test_small_talk_and_other_subjects_bring_nothing() -> None:
    a_video(cues=CUES, chapters=CHAPTERS)
    for text in ("hello", "thank you very much", "what does a train to Vienna cost?", "", "?!", "x" * 50_000):
        assert titles(text) == []


def test_an_empty_catalogue_brings_nothing() -> None:
    assert asyncio.run(recommend.recommend("anything")) == ()


def test_at_most_two_are_shown_and_none_of_those_shown_before() -> None:
    rows = [a_video("Patch the tube of a bicycle", external_id=f"{number:011}") for number in range(4)]
    first = recommend_now(PATCH)
    assert len(first) == 2
    second = recommend_now(PATCH, exclude=[found.video_id for found in first])
    assert {found.video_id for found in (*first, *second)} == {row.pk for row in rows}


def test_a_second_video_far_behind_the_first_stays_away() -> None:
    a_video("Patch the tube of a bicycle", description="How to mend a hole in the tube of your bicycle.")
    a_video("Paint a bicycle")
    assert titles(PATCH) == ["Patch the tube of a bicycle"]


def test_equal_scores_go_to_the_newer_then_the_shorter() -> None:
    old, long, short = (
        a_video("Patch the tube of a bicycle", duration=seconds) for seconds in (10.0, 90.0, 30.0)
    )
    now = timezone.now()
    Video.objects.filter(pk__in=[long.pk, short.pk]).update(created_at=now)
    Video.objects.filter(pk=old.pk).update(created_at=now - timedelta(days=9))
    assert [found.video_id for found in recommend_now(PATCH, limit=3)] == [short.pk, long.pk, old.pk]


def test_answers_to_did_this_help_move_a_video_among_others_but_not_over_the_threshold() -> None:
    first, second = a_video("Patch the tube of a bicycle"), a_video("Patch the tube of a bicycle")
    assert recommend_now(PATCH)[0].video_id == second.pk
    for _ in range(5):
        catalogue.note_helped(first.pk, 0, 1)
        catalogue.note_helped(second.pk, 0, -1)
    assert recommend_now(PATCH)[0].video_id == first.pk
    catalogue.note_helped(first.pk, 1, -1)
    first.refresh_from_db()
    assert (first.helped, first.not_helped) == (4, 1)
    Video.objects.filter(pk=first.pk).update(helped=10_000)
    assert titles("what does a train to Vienna cost?") == []


def test_a_code_finds_its_video_and_second() -> None:
    a_video("Errors of the pump", cues=(CUES[1], CUES[2]._replace(text="E-1042 means that there is no air.")))
    a_video(cues=CUES)
    found = recommend_now("E1042 ???") or recommend_now("E-1042")
    assert (found[0].title, found[0].start) == ("Errors of the pump", 20.0)


def test_a_vector_that_was_handed_on_is_not_computed_again() -> None:
    a_video(cues=CUES)
    embedder = registry.get("embedder")
    elsewhere = embedder.embed(["what does a train to Vienna cost?"])[0]
    assert recommend_now(PATCH, elsewhere, embedder.name) == ()
    assert recommend_now(PATCH, elsewhere, "another")[0].title == "Mend a bicycle"


def test_the_async_door_finds_the_same() -> None:
    a_video(cues=CUES)
    assert asyncio.run(recommend.recommend(PATCH)) == recommend_now(PATCH)


def test_what_staff_change_shows_in_the_next_recommendation() -> None:
    video = a_video("Patch the tube of a bicycle")
    assert titles(PATCH) == ["Patch the tube of a bicycle"]
    change(video, title="Bake a loaf of bread")
    assert (titles(PATCH), titles("how do I bake bread?")) == ([], ["Bake a loaf of bread"])
    catalogue.set_chapters(video.pk, [NewChapter(30, "Patch the tube of a bicycle")])
    assert reading.read(video.pk)
    assert recommend_now(PATCH)[0].start == 30
    catalogue.set_published([video.pk], False)
    assert titles(PATCH) == []
    catalogue.set_published([video.pk], True)
    assert len(titles(PATCH)) == 1
    catalogue.remove([video.pk])
    assert titles(PATCH) == []
    assert not Piece.objects.exists()


def test_the_window_of_validity_is_that_of_now() -> None:
    video = a_video("Patch the tube of a bicycle")
    now = timezone.now()
    for window, shown in (
        ({"valid_from": now + timedelta(hours=1), "valid_until": None}, False),
        ({"valid_from": now - timedelta(hours=1), "valid_until": now + timedelta(hours=1)}, True),
        ({"valid_from": None, "valid_until": now - timedelta(seconds=1)}, False),
    ):
        Video.objects.filter(pk=video.pk).update(**window)
        assert bool(titles(PATCH)) is shown


def test_another_process_follows_without_a_restart() -> None:
    """A second process that already holds an index learns of a rename, a new chapter and a deletion."""
    video = a_video("Patch the tube of a bicycle")
    other = subprocess.Popen(
        [sys.executable, "-c", _OTHER, connection.settings_dict["NAME"]],
        cwd=site.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "joblynk.testing.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert other.stdin is not None and other.stdout is not None

    def asked(text: str) -> str:
        print(text, file=other.stdin)
        return other.stdout.readline().strip() if other.stdout else ""

    try:
        assert asked(PATCH) == "Patch the tube of a bicycle 0.0"
        change(video, title="Mend the tube of a bicycle")
        assert asked(PATCH) == "Mend the tube of a bicycle 0.0"
        catalogue.set_chapters(video.pk, [NewChapter(30, "Patch a hole in the tube of your bicycle")])
        assert reading.read(video.pk)
        assert asked(PATCH) == "Mend the tube of a bicycle 30.0"
        catalogue.set_published([video.pk], False)
        assert asked(PATCH) == ""
        catalogue.set_published([video.pk], True)
        catalogue.remove([video.pk])
        assert asked(PATCH) == ""
    finally:
        other.kill()
        other.wait()
        other.stdin.close()
        other.stdout.close()


_OTHER = """
import sys, django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[1]
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
from videos.recommend import recommend_now
for line in sys.stdin:
    found = recommend_now(line)
    print(f"{found[0].title} {found[0].start}" if found else "", flush=True)
"""


def test_what_could_not_be_read_is_read_by_the_worker() -> None:
    video = a_video("Patch the tube of a bicycle", read=False)
    assert titles(PATCH) == []
    assert reading.take_due() is False
    assert titles(PATCH) == ["Patch the tube of a bicycle"]
    assert not catalogue.unread(reading.recipe(), 9)
    assert not reading.read(video.pk + 1)


def test_an_edit_that_leaves_texts_alone_embeds_nothing_anew() -> None:
    video = a_video(cues=CUES)
    before = dict(Piece.objects.values_list("text_hash", "vector"))
    Video.objects.filter(pk=video.pk).update(recipe="other")
    assert catalogue.known_vectors(before, reading.recipe()) == {}
    Video.objects.filter(pk=video.pk).update(recipe=reading.recipe())
    assert catalogue.known_vectors(before, reading.recipe()).keys() == before.keys()


def test_the_test_box_tells_why() -> None:
    shown = a_video("Patch the tube of a bicycle")
    hidden = a_video("Patch the tube of a bicycle", published=False)
    weak = a_video("Bake a loaf of bread")
    reasons = {judged.video_id: judged.reason for judged in recommend.explain(PATCH)}
    assert reasons == {shown.pk: "shown", hidden.pk: "hidden", weak.pk: "weak"}
    assert all(
        (judged.score >= ranking.THRESHOLD) == (judged.reason != "weak")
        for judged in recommend.explain(PATCH)
    )


def test_a_damaged_vector_hides_its_piece_and_nothing_else() -> None:
    a_video("Patch the tube of a bicycle", cues=CUES)
    Piece.objects.filter(kind="caption").update(vector=b"\x00" * 8)
    recommend.forget()
    assert titles(PATCH) == ["Patch the tube of a bicycle"]


def test_files_go_when_nothing_names_them_any_more() -> None:
    uploads = Path(site.MEDIA_ROOT)
    film = ContentFile(b"one", "a.webm")
    video = Video(title="Film")
    catalogue.save(video, file=film, poster=b"picture")
    assert len([path for path in uploads.rglob("*") if path.is_file()]) == 2
    catalogue.save(video, file=ContentFile(b"two", "b.mp4"), poster=b"")
    (left,) = [path for path in uploads.rglob("*") if path.is_file()]
    assert (left.read_bytes(), left.suffix, len(left.stem)) == (b"two", ".mp4", 32)
    catalogue.remove([video.pk])
    assert not [path for path in uploads.rglob("*") if path.is_file()]
