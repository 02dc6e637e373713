from catalog.placement.rules import (
    REASONS,
    RULESET,
    CloudFacts,
    ProjectFacts,
    Verdict,
    judge,
)

__all__ = ["REASONS", "RULESET", "CloudFacts", "ProjectFacts", "Verdict", "judge"]
