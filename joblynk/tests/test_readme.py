import re
from pathlib import Path

from django.conf import settings


def test_every_setting_is_in_the_readme() -> None:
    source = Path(settings.BASE_DIR, "joblynk", "settings.py").read_text(encoding="utf-8")
    names = set(re.findall(r'env_(?:str|bool|int|float|list|secret)\(\s*"(\w+)"', source))
    readme = Path(settings.BASE_DIR, "README.md").read_text(encoding="utf-8")
    assert names, "the settings are read by another name than this test knows"
    assert not {name for name in names if f"`{name}`" not in readme}
