"""Where staff write what the assistant may show, and see which question brings it.

Who may do what is told in `videos.roles`. Titles, captions and names of files are data: all of it is
escaped.
"""

from videos.admin.videos import VideoAdmin

__all__ = ["VideoAdmin"]
