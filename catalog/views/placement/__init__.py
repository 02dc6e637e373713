"""Pages about which data may stand where."""
