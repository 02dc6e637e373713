"""What an operator of a new cloud sets up by hand; every program may be run again."""
