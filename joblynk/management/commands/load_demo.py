"""`manage.py load_demo`: the demo help centre and its videos, loaded and indexed. Twice is once."""

from typing import Any

from django.core.management.base import BaseCommand

from knowledge import demo_content, ingest
from knowledge.management.progress import bar
from videos import demo_content as demo_videos


class Command(BaseCommand):
    help = "Load and index the demo help centre and its videos. Again: bring what changed up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = demo_content.load()
        with bar("Indexing the help centre") as progress:
            report = ingest.reindex(progress=progress, reason="manage.py load_demo")
        videos = demo_videos.load()
        self.stdout.write(
            f"{loaded.new} new, {loaded.changed} changed, {loaded.removed} removed; "
            f"{report.embedded} passages embedded, {report.failed} documents failed; "
            f"{videos.new} videos new, {videos.changed} changed."
        )
