"""The long-lived programs: one process a project, API and workers together."""
