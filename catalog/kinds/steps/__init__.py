"""Steps that several kinds are made of: each finds what is there before it makes anything."""
