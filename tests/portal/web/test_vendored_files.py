"""What other people made is exactly what the manifest says."""

from __future__ import annotations

import hashlib
import tomllib

from portal.web.vendor.build import HERE, TARGET

MANIFEST = tomllib.loads((TARGET / "MANIFEST.toml").read_text("utf-8"))


def test_every_vendored_file_has_the_checksum_of_the_manifest() -> None:
    found = {
        str(path.relative_to(TARGET)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in TARGET.rglob("*")
        if path.is_file() and path.name != "MANIFEST.toml"
    }
    assert found == {path: file["sha256"] for path, file in MANIFEST["files"].items()}


def test_every_package_has_a_version_and_a_licence_whose_text_is_here() -> None:
    texts = {path.name for path in (TARGET / "licences").iterdir()}
    for name, package in MANIFEST["packages"].items():
        assert package["version"], name
        assert any(text.startswith(package["licence"]) for text in texts), name


def test_every_icon_asked_for_is_there() -> None:
    asked = set((HERE / "icons.txt").read_text("utf-8").split())
    assert asked == {path.stem for path in (TARGET / "icons").iterdir()}


def test_no_vendored_file_points_at_another_site() -> None:
    sheet = (TARGET / "vendor.css").read_text("utf-8")
    assert "url(http" not in sheet
    assert "@import" not in sheet
