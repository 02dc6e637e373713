"""The audit trail for people and programs: who sees what of it, in words, and as a file."""
