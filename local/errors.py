"""How a launcher says no."""


class StartRefused(Exception):
    """The stack cannot start or go on; the text is one line that says why and what to do."""
