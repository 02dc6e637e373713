"""The components as a page shows them: names, roles and links between them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, Engine, Template, engines
from django.test import Client

from tests.portal.web.gallery import GalleryForm


@pytest.fixture
def page(visitor: Client) -> str:
    response = visitor.get("/gallery?page=5&state=open")
    assert response.status_code == 200
    return response.content.decode()


def render(source: str, **context: object) -> str:
    engine: Engine = engines["django"].engine  # type: ignore[attr-defined]
    return Template(source, engine=engine).render(Context(context))


def test_title_says_that_the_form_has_mistakes(page: str) -> None:
    assert "<title>Fout: Gallery - Cloudloket</title>" in page


def test_no_title_says_twice_that_something_is_wrong() -> None:
    """``base.html`` says it of every page with a form that has mistakes."""
    folder = Path(settings.BASE_DIR) / "templates"
    titles = [
        line
        for path in folder.rglob("*.html")
        if path.name != "base.html"
        for line in path.read_text().splitlines()
        if "block title" in line and "Error:" in line
    ]

    assert titles
    assert [line for line in titles if re.search(r"(?<!not )\bform\.errors", line)] == []


def test_every_mistake_links_to_its_question(page: str) -> None:
    assert "Er zijn 5 fouten in het formulier" in page
    assert 'id="form-errors" tabindex="-1" autofocus' in page
    for name in ("name", "volume", "until"):
        assert f'<a href="#id_{name}">' in page
        assert f'id="id_{name}"' in page
        assert f'id="id_{name}_error"' in page


def test_a_mistake_in_a_hidden_field_leads_nowhere(page: str) -> None:
    assert "#id_secret" not in page


@pytest.mark.django_db
def test_the_result_of_an_action_stays_until_closed(visitor: Client) -> None:
    visitor.get("/done")
    page = visitor.get("/gallery").content.decode()
    assert '<div class="utrecht-alert utrecht-alert--ok" role="status">' in page
    assert "The order is on its way" in page
    assert '<a href="/gallery" data-cl-dismiss=".utrecht-alert">' in page
    assert "The order is on its way" not in visitor.get("/gallery").content.decode()


def test_a_control_is_described_by_its_error_and_its_hint(page: str) -> None:
    assert 'aria-describedby="id_name_error id_name_helptext"' in page
    assert 'aria-invalid="true"' in page


def test_what_was_typed_stays(page: str) -> None:
    assert 'value="zaak-app-01"' in page


def test_choices_show_price_and_why_not(page: str) -> None:
    assert 'value="medium" checked' in page
    assert "€\N{NO-BREAK SPACE}76,80" in page
    assert 'value="large" disabled' in page
    assert "Does not fit the quota" in page


def test_a_group_with_an_error_links_to_its_first_option() -> None:
    form = GalleryForm({"size": ""})
    html = render("{% form_errors form %}{% field form.size %}", form=form)
    assert '<a href="#id_size_0">' in html
    assert '<fieldset class="cl-field cl-field--error" aria-describedby="id_size_error' in html


def test_an_unbound_form_has_no_list_of_mistakes() -> None:
    assert render("{% form_errors form %}", form=GalleryForm()).strip() == ""


def test_user_text_is_escaped_everywhere() -> None:
    evil = "<script>alert(1)</script>"
    html = render(
        "{% badge 'active' evil %}{% tag 'check' evil %}{% card 'k' evil hint=evil %}{{ evil }}"
        "{% endcard %}{% alert 'info' evil %}{{ evil }}{% endalert %}{% fact evil %}{{ evil }}"
        "{% endfact %}{% step 'fail' evil evil evil %}{{ evil }}{% endstep %}"
        "{% empty_state evil %}{{ evil }}{% endempty_state %}{% breadcrumb evil evil evil %}"
        "{% meter evil evil 2 1 note=evil %}{% stacked_table %}<table><tr>"
        "<th scope='col'>{{ evil }}</th></tr><tr><td>{{ evil }}</td></tr></table>"
        "{% endstacked_table %}",
        evil=evil,
    )
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_content_between_tags_is_not_escaped_twice() -> None:
    html = render("{% step 'fail' 'Name' %}<p>a &amp; b</p>{% endstep %}")
    assert '<div class="cl-step__more"><p>a &amp; b</p></div>' in html


def test_pages_keep_the_filters(page: str) -> None:
    assert 'href="?page=6&amp;state=open" rel="next"' in page
    assert 'aria-current="page"><span class="cl-vh">Pagina </span>5</a>' in page


def test_times_are_machine_readable(page: str) -> None:
    assert '<time datetime="2026-10-05T11:36:00+02:00">5 oktober 2026, 11.36' in page
    assert '<time datetime="2026-10-05">5 oktober 2026</time>' in page


def test_a_confirmation_works_with_and_without_script(page: str) -> None:
    assert 'href="/page" data-cl-dialog="retire"' in page
    assert '<dialog class="cl-dialog" id="retire" aria-labelledby="retire-heading">' in page
    assert 'name="csrfmiddlewaretoken"' in page


def test_track_fills_the_line() -> None:
    html = render("{% track states %}", states=["done", "todo"])
    assert 'class="cl-p-done" x="0.00%" y="0" width="49.40%"' in html
    assert 'class="cl-p-todo" x="50.60%" y="0" width="49.40%"' in html
    assert render("{% track states %}", states=[]) == ""
