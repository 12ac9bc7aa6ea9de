"""Videos for tests."""

from typing import Any

from videos import catalogue, reading
from videos.captions import Caption
from videos.catalogue import NewChapter
from videos.models import Video

YOUTUBE_ID = "dQw4w9WgXcQ"

CUES = (
    Caption(0, 3, "Mend a bicycle"),
    Caption(3, 9, "Take the wheel out of the frame."),
    Caption(20, 28, "Put a patch of rubber on the hole in the tube."),
    Caption(40, 48, "Oil the chain every month so that it does not rust."),
)


def a_video(
    title: str = "Mend a bicycle",
    *,
    chapters: tuple[tuple[float, str], ...] = (),
    cues: tuple[Caption, ...] = (),
    read: bool = True,
    **values: Any,
) -> Video:
    """A stored video, searchable unless `read` is False."""
    fields = {"provider": "youtube", "external_id": YOUTUBE_ID, "duration": 60.0, **values}
    video = catalogue.save(Video(title=title, **fields))
    if chapters:
        catalogue.set_chapters(video.pk, [NewChapter(start, name) for start, name in chapters])
    if cues:
        catalogue.put_captions(video.pk, "en", "English", cues)
    if read:
        assert reading.read(video.pk)
    return video


def change(video: Video, **values: Any) -> None:
    """What staff do who edit a video."""
    for name, value in values.items():
        setattr(video, name, value)
    catalogue.save(video)
    assert reading.read(video.pk)
