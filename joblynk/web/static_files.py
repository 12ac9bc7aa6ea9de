"""Static files while two versions of the site run side by side."""

from django.http import HttpRequest, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc] # WhiteNoise has no types
    """A page of the next version names files that were gathered after this process began, and the proxy asks
    any process for them: what is not known is looked for on disk."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self.directories.append((f"{self.static_root}/", self.static_prefix))

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        unknown = path.startswith(self.static_prefix) and path not in self.files
        if unknown and (found := self.find_file(path)) is not None:
            self.files[path] = found
        response: HttpResponseBase = super().__call__(request)
        return response
