"""Whatever is wrong with an order, the answer names the field, and nothing is stored or claimed."""

import json
from uuid import uuid4

import pytest

from portal.identity.models import Role
from tests.catalog.api.conftest import assert_problem
from tests.factories import grant, make_project, withdrawn

pytestmark = pytest.mark.django_db

WRONG_TYPES = [None, True, 12, -1, 1.5, [], ["x"], {}, {"a": 1}]
BROKEN_TEXT = ["a\u0000b", "a\u202eb", "a\u0007b", "a\u200bb"]
MISSING = object()


def with_value(body, path, value):
    """A copy of the body with another value at the path, such as ``spec.image``."""
    changed = json.loads(json.dumps(body))
    *parents, name = path.split(".")
    target = changed
    for parent in parents:
        target = target[parent]
    if value is MISSING:
        del target[name]
    else:
        target[name] = value
    return changed


IDS = [*WRONG_TYPES, MISSING, "", "x", "x" * 5000, "<b>1</b>", str(uuid4()), uuid4().hex]
CHOICES = [*WRONG_TYPES, MISSING, "", "unknown", "x" * 5000, "<b>", *BROKEN_TEXT]
CASES = {
    "project": [*IDS, f"{{{uuid4()}}}"],
    "offering": [*IDS, f"{{{uuid4()}}}"],
    "name": [
        *[
            *WRONG_TYPES,
            MISSING,
            "",
            "-a",
            "a-",
            "A",
            "a.b",
            "a b",
            "1a",
            "a" * 64,
            "é",
            "a\n",
            " a",
        ],
        *["<script>alert(1)</script>", "\u0430-cyrillic", *BROKEN_TEXT],
    ],
    "purpose": [*WRONG_TYPES, MISSING, "", "   ", "x" * 301, *BROKEN_TEXT],
    "end_date": [
        *[True, 0, -1, 20270101, [], {}, "", "x", "2027-02-30", "2000-01-01", "9999-12-31"],
        *["2027-01-01T00:00:00Z", "<i>", "1" * 5000, "2027-01-01\u0000"],
    ],
    "spec": [None, True, 1, [], "x", [["flavor", "gp.small"]], MISSING],
    "spec.flavor": CHOICES,
    "spec.image": CHOICES,
    "spec.network": CHOICES,
    "spec.volume_gib": [
        *[None, True, -1, 0, 9, 501, 10**9, 10**30, 1.5, 40.0, "40", "", [40], {}, MISSING]
    ],
    "spec.ssh_public_key": [True, 1, [], {}, "x", "ssh-rsa <b>", "x" * 5000, "a\u0000b"],
    "spec.unknown": ["x", None],
    "spec.name": ["x"],
    "endDate": ["2027-01-01"],
    "requested_by": [str(uuid4())],
}


@pytest.mark.parametrize("path", CASES)
def test_every_field_is_checked(as_requester, body, path, nothing_happens):
    for value in CASES[path]:
        response = as_requester.order(with_value(body, path, value))

        assert_problem(response, 400, "invalid_input", path)
    nothing_happens()


def test_all_wrong_fields_are_in_one_answer(as_requester, body, nothing_happens):
    wrong = with_value(with_value(body, "spec.image", "x"), "spec.volume_gib", 0)

    response = as_requester.order(wrong | {"name": "-", "end_date": "2001-01-01"})

    assert_problem(
        response, 400, "invalid_input", "end_date", "name", "spec.image", "spec.volume_gib"
    )
    nothing_happens()


def test_purpose_may_hold_what_looks_like_html(as_requester, body):
    """It is text: pages escape it, and the API gives it back as it came."""
    response = as_requester.order(body | {"purpose": "<script>alert(1)</script>"})

    assert response.json()["purpose"] == "<script>alert(1)</script>"


def test_project_of_another_ministry_is_as_unknown_as_none(
    as_requester, body, other_project, nothing_happens
):
    theirs = as_requester.order(body | {"project": str(other_project.public_id)})
    nobodys = as_requester.order(body | {"project": str(uuid4())})

    assert_problem(theirs, 400, "invalid_input", "project")
    assert theirs.content == nobodys.content
    nothing_happens()


def test_offering_that_was_withdrawn_is_unknown(as_requester, body, version, nothing_happens):
    withdrawn(version)

    assert_problem(as_requester.order(body), 400, "invalid_input", "offering")
    nothing_happens()


def test_project_that_ended_takes_no_orders(as_requester, requester, body, project):
    ended = make_project(project.parent)
    grant(requester, Role.REQUESTER, ended)
    ended.ended_at = ended.created_at
    ended.save()

    assert_problem(as_requester.order(body | {"project": str(ended.public_id)}), 403, "not_allowed")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "nothing",
        "NaN",
        '{"a": Infinity}',
        '{"name": "a", "name": "b"}',
        '{"\\ud800": 1}',
        "[" * 100_000,
        '{"a":' * 50 + "1" + "}" * 50,
        '{"a": 1' + "0" * 5000 + "}",
        "[1, 2",
        "\x00",
    ],
)
def test_what_is_not_json_is_refused(as_requester, text, nothing_happens):
    assert_problem(as_requester.order(text), 400, "parse_error")
    nothing_happens()


@pytest.mark.parametrize("path", ["purpose", "spec.image"])
def test_half_a_character_is_named_by_its_field(as_requester, body, path, nothing_happens):
    response = as_requester.order(with_value(body, path, "zaak\ud800"))

    assert_problem(response, 400, "invalid_input", path)
    nothing_happens()


@pytest.mark.parametrize("written", ["20270630", "2027-W26-3", "2027-6-30", " 2027-06-30"])
def test_a_day_is_written_in_one_way(as_requester, body, written, nothing_happens):
    response = as_requester.order(body | {"end_date": written})

    assert_problem(response, 400, "invalid_input", "end_date")
    nothing_happens()


def test_messages_are_in_the_language_of_the_caller(as_requester, body):
    wrong = body | {"project": "x", "name": 1, "spec": "x", "end_date": "morgen"}

    response = as_requester.post(
        "/orders", wrong, **{"Idempotency-Key": "k", "Accept-Language": "nl"}
    )

    assert {error["name"]: error["detail"] for error in response.json()["errors"]} == {
        "project": "Geef een id zoals 5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01.",
        "name": "Geef tekst.",
        "spec": "Geef een object met namen en waarden.",
        "end_date": "Geef een dag die bestaat, zoals 2027-06-30.",
    }


def test_without_a_body_every_field_is_missing(as_requester, nothing_happens):
    names = ["name", "offering", "project", "purpose", "spec"]

    assert_problem(as_requester.order(""), 400, "invalid_input", *names)
    nothing_happens()


@pytest.mark.parametrize("value", [None, 1, True, "x", [], [{}]])
def test_body_that_is_no_object_is_refused(as_requester, value, nothing_happens):
    assert_problem(as_requester.order(json.dumps(value)), 400, "invalid_input", "")
    nothing_happens()


def test_bytes_that_are_no_text_are_refused(as_requester):
    response = as_requester.client.post(
        "/api/v1/orders",
        b'{"name": "\xff"}',
        content_type="application/json",
        headers={"Idempotency-Key": "k-1"},
    )

    assert_problem(response, 400, "parse_error")


def test_body_that_is_too_large_is_refused(as_requester, settings, nothing_happens):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    assert_problem(as_requester.order({"name": "x" * 1001}), 413, "body_too_large")
    nothing_happens()


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "text/xml"])
def test_other_types_of_body_are_refused(as_requester, kind, nothing_happens):
    response = as_requester.client.post(
        "/api/v1/orders", "a=b", content_type=kind, headers={"Idempotency-Key": "k-1"}
    )

    assert_problem(response, 415, "unsupported_media_type")
    nothing_happens()


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/orders", {"state": "unknown"}, "state"),
        ("/orders", {"state": ""}, "state"),
        ("/orders", {"project": "1"}, "project"),
        ("/orders", {"project": "\x00"}, "project"),
        ("/orders", {"projct": "1"}, "projct"),
        ("/orders", {"ordering": "purpose"}, "ordering"),
        ("/orders", {"pageSize": "0"}, "pageSize"),
        ("/orders", {"pageSize": "-1"}, "pageSize"),
        ("/orders", {"pageSize": "101"}, "pageSize"),
        ("/orders", {"pageSize": "٣"}, "pageSize"),
        ("/orders", {"pageSize": "1" * 5000}, "pageSize"),
        ("/orders", {"pageSize": ""}, "pageSize"),
        ("/orders", {"cursor": "x"}, "cursor"),
        ("/orders", {"cursor": ""}, "cursor"),
        ("/orders", {"cursor": "é\x00:a:b"}, "cursor"),
        ("/orders", {"cursor": "cD0x"}, "cursor"),
        ("/approvals", {"project": "x"}, "project"),
        ("/approvals", {"state": "pending_approval"}, "state"),
        ("/resources", {"state": "pending_approval"}, "state"),
        ("/resources", {"kind": "x" * 41}, "kind"),
        ("/resources", {"kind": "\x00"}, "kind"),
        ("/quotas", {"metric": "cores"}, "metric"),
        ("/quotas", {"node": "x"}, "node"),
        ("/quotas", {"nodeKind": "team"}, "nodeKind"),
        ("/offerings", {"code": "\x00"}, "code"),
    ],
)
def test_every_query_key_is_checked(as_requester, path, query, name):
    problem = assert_problem(as_requester.get(path, query), 400, "invalid_input", name)

    assert problem["errors"][0]["in"] == "query"


@pytest.mark.parametrize("path", ["/offerings", "/orders", "/resources"])
def test_identifier_that_is_none_does_not_exist(as_requester, path):
    for identifier in ("1", "x", "0" * 32, str(uuid4()).upper(), "%00", ".."):
        assert_problem(as_requester.get(f"{path}/{identifier}"), 404, "not_found")
