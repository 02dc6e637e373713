from __future__ import annotations

from portal.web.tables import annotate_table

TABLE = """
<table class="cl-table--stack"><thead><tr><th scope="col">Name</th><th scope="col">In
 use &amp; <b>free</b></th><th scope="col"></th></tr></thead>
<tbody><tr><th scope="row"><svg viewBox="0 0 1 1"><path d="M0"/></svg>a &lt; b</th><td>1</td>
<td>2</td></tr><tr><td data-nolabel>x</td><td colspan="2">y</td></tr></tbody></table>
"""


def test_roles_are_written_out() -> None:
    html = annotate_table(TABLE)
    assert '<table class="cl-table--stack" role="table">' in html
    assert html.count('role="rowgroup"') == 2
    assert html.count('role="row"') == 3
    assert html.count('role="columnheader"') == 3
    assert html.count('role="rowheader"') == 1
    assert html.count('role="cell"') == 4


def test_a_cell_repeats_the_name_of_its_column() -> None:
    html = annotate_table(TABLE)
    assert '<td role="cell" data-label="In use &amp; free">1</td>' in html
    assert '<td role="cell">2</td>' in html  # its column has no name
    assert '<td data-nolabel role="cell">x</td>' in html
    assert '<td colspan="2" role="cell" data-label="In use &amp; free">y</td>' in html


def test_the_rest_stays_as_it_was() -> None:
    html = annotate_table(TABLE)
    assert '<svg viewBox="0 0 1 1"><path d="M0"/></svg>a &lt; b' in html
