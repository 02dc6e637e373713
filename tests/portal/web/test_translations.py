from __future__ import annotations

from pathlib import Path

import polib
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from portal.web.translations import (
    Message,
    compile_catalogue,
    find_messages,
    find_problems,
    update_catalogue,
)


def test_every_text_of_the_portal_is_translated() -> None:
    call_command("check_translations", verbosity=0)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small portal with texts of every sort."""
    (tmp_path / "templates").mkdir()
    for room in ("portal", "catalog", "billing"):
        (tmp_path / room).mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '{% translate "It\'s here" %}'
        '{% translate "May" context "month" as may %}'
        "{% blocktranslate count n=n %}{{ n }} server{% plural %}{{ n }} servers"
        '{% endblocktranslate %}{% badge "ok" _("Ready") %}'
    )
    (tmp_path / "catalog" / "a.py").write_text(
        'x = _("Order")\ny = ngettext_lazy("%d day", "%d days", n)\nz = pgettext("date", "j F")\n'
    )
    return tmp_path


def test_texts_are_found_in_templates_and_code(checkout: Path) -> None:
    found = {(m.context, m.singular, m.plural) for m in find_messages(checkout)}
    assert found == {
        ("", "It's here", None),
        ("month", "May", None),
        ("", "%(n)s server", "%(n)s servers"),
        ("", "Ready", None),
        ("", "Order", None),
        ("", "%d day", "%d days"),
        ("date", "j F", None),
    }


def test_a_text_that_is_not_a_literal_is_refused(checkout: Path) -> None:
    (checkout / "billing" / "b.py").write_text("a = gettext(name)\n")
    with pytest.raises(ValueError, match=r"billing/b\.py:1"):
        list(find_messages(checkout))


def catalogue(*entries: polib.POEntry) -> polib.POFile:
    file = polib.POFile()
    file.extend(entries)
    return file


ORDER = Message("", "Order {name}", None, "a.py:1")


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([], "is not in the catalogue"),
        ([polib.POEntry(msgid="Order {name}", msgstr="")], "has no translation"),
        ([polib.POEntry(msgid="Order {name}", msgstr="{name}", flags=["fuzzy"])], "is fuzzy"),
        ([polib.POEntry(msgid="Order {name}", msgstr="Bestelling {naam}")], "other placeholders"),
        ([polib.POEntry(msgid="Order {name}", msgstr="Bestelling")], "other placeholders"),
    ],
)
def test_what_is_wrong_is_said(entries: list[polib.POEntry], problem: str) -> None:
    (line,) = find_problems([ORDER], catalogue(*entries))
    assert problem in line


def test_an_unused_translation_is_wrong_and_a_good_one_is_not() -> None:
    good = polib.POEntry(msgid="Order {name}", msgstr="Bestelling {name}")
    assert find_problems([ORDER], catalogue(good)) == []
    assert find_problems([], catalogue(good)) == ["'Order {name}' is no longer used"]


def test_updating_keeps_translations_and_drops_what_is_gone() -> None:
    kept = polib.POEntry(msgid="Order {name}", msgstr="Bestelling {name}")
    file = catalogue(kept, polib.POEntry(msgid="Gone", msgstr="Weg"))
    update_catalogue([ORDER, Message("", "New", "News", "b.py:2")], file)
    assert [(entry.msgid, entry.msgstr) for entry in file] == [
        ("Order {name}", "Bestelling {name}"),
        ("New", ""),
    ]


def test_compiling_writes_what_django_reads(tmp_path: Path) -> None:
    source = tmp_path / "django.po"
    catalogue(polib.POEntry(msgid="Order", msgstr="Bestelling")).save(str(source))
    target = compile_catalogue(source)
    assert polib.mofile(str(target))[0].msgstr == "Bestelling"
    assert {path.name for path in tmp_path.iterdir()} == {"django.po", "django.mo"}


def test_the_command_names_what_is_missing(checkout: Path, settings: LazySettings) -> None:
    folder = checkout / "locale" / "nl" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    polib.POFile().save(str(folder / "django.po"))
    settings.BASE_DIR = checkout
    settings.LOCALE_PATHS = [checkout / "locale"]
    with pytest.raises(CommandError, match="'Order' is not in the catalogue"):
        call_command("check_translations")
    with pytest.raises(CommandError, match="'Order' has no translation"):
        call_command("check_translations", "--update")
