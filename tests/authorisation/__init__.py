"""Who may do what at every address of the portal, as a table, and the tests that prove it.

``rows/`` is the table, one file for each part of the portal. ``vocabulary.py`` explains its words,
``world.py`` makes the people and things that it speaks of, ``test_matrix.py`` tries every cell.

A new address needs a row for each method that it answers to; without one the tests fail.
"""
