"""What must be in each database before its service starts; every program may be run again."""
