"""What goes into an exit package: pure generators of its files, from rows that somebody gives."""
