"""Made-up organizations, projects, prices and limits, to try the portal with."""
