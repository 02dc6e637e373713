"""An error page says what happened and what to do, and shows nothing of the inside."""

from __future__ import annotations

import re

import pytest
from django.test import Client, RequestFactory

from portal.web.views import errors


def test_not_found_leads_home(visitor: Client) -> None:
    response = visitor.get("/nothing/here")
    assert response.status_code == 404
    page = response.content.decode()
    assert "<h1>We kunnen deze pagina niet vinden</h1>" in page
    assert 'href="/"' in page


def test_server_error_gives_a_number_that_is_in_the_log(
    visitor: Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = visitor.get("/broken")
    assert response.status_code == 500
    page = response.content.decode()
    assert '<html lang="nl">' in page
    assert "broken on purpose" not in page
    reference = re.search(r"CL-\w{4}-\w{4}", page)
    assert reference
    assert reference.group() in caplog.text


def test_expired_form_says_nothing_was_saved(in_gallery: None) -> None:
    strict = Client(enforce_csrf_checks=True, headers={"accept-language": "nl"})
    response = strict.post("/language", {"language": "en"})
    assert response.status_code == 403
    assert "Dit formulier stond te lang open" in response.content.decode()


@pytest.mark.parametrize(("view", "status"), [(errors.bad_request, 400), (errors.forbidden, 403)])
def test_refusals(in_gallery: None, rf: RequestFactory, view: object, status: int) -> None:
    response = view(rf.get("/"), ValueError("inside"))  # type: ignore[operator]
    assert response.status_code == status
    assert "inside" not in response.content.decode()


def test_a_reference_has_no_letters_that_sound_alike() -> None:
    assert re.fullmatch(r"CL-[^BILOS0158-]{4}-[^BILOS0158-]{4}", errors.make_reference())
