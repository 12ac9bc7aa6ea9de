"""Wrong settings are refused at start, with the remedy."""

from pathlib import Path

from pytest_django import Settings

from knowledge.checks import check_limits_exist, check_uploads_are_private


def test_uploads_below_a_served_folder_are_refused(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.MEDIA_ROOT = tmp_path / "static" / "uploads"
    assert [error.id for error in check_uploads_are_private(None)] == ["knowledge.E001"]


def test_the_settings_as_they_are_pass() -> None:
    assert check_uploads_are_private(None) == check_limits_exist(None) == []
