"""Makes the demo videos: `python -m videos.demo.make [slug …]`; with `--text` only captions and the list.

Needs Chromium and ffmpeg. What it makes is committed, so only who changes a storyboard runs it.
"""

import argparse
import json
import sys

from videos.demo.filming import film
from videos.demo.storyboard import FOLDER_OF_FILES, HERE, read_all


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slugs", nargs="*", help="only these; all without")
    parser.add_argument("--text", action="store_true", help="captions and videos.json only")
    options = parser.parse_args()
    boards = read_all()
    listing = {"videos": [board.entry() for board in boards]}
    (HERE / "videos.json").write_text(
        json.dumps(listing, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    for board in boards:
        (FOLDER_OF_FILES / f"{board.slug}.vtt").write_text(board.captions(), encoding="utf-8")
    if not options.text:
        wanted = [board for board in boards if not options.slugs or board.slug in options.slugs]
        for line in film(wanted, FOLDER_OF_FILES):
            sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
