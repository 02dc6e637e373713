from __future__ import annotations

import re

import pytest
from django.conf import settings

from portal.web.icons import FOLDER, icon


def test_an_icon_takes_the_colour_of_the_text_and_is_silent() -> None:
    drawing = icon("check", "sm")
    assert 'class="cl-icon cl-icon--sm"' in drawing
    assert 'stroke="currentColor"' in drawing
    assert 'aria-hidden="true"' in drawing
    assert "M0 0h24v24H0z" not in drawing  # the invisible box around it


def test_an_unknown_icon_says_where_to_add_it() -> None:
    with pytest.raises(ValueError, match=r"icons\.txt"):
        icon("unicorn")


def test_every_icon_that_a_template_names_is_vendored() -> None:
    vendored = {path.stem for path in FOLDER.iterdir()}
    for template in (settings.BASE_DIR / "templates").rglob("*.html"):
        named = set(re.findall(r'{% icon "([^"]+)"', template.read_text("utf-8")))
        assert named <= vendored, template
