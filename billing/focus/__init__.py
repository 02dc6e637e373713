"""Costs as FOCUS 1.2 tells them: https://focus.finops.org/focus-specification/v1-2/."""
