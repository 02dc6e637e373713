"""Comparing what we know with what the clouds have, in both directions, field by field.

``comparison`` judges, and knows neither a database nor a cloud. ``reading`` brings it our records
page by page, ``looking`` those of the cloud, and ``notes`` keeps what was found, with what
``describing`` makes of what nobody ordered. ``adopting`` takes that in when nobody did anything
about it. ``rooms`` compares the quotas of the cloud's projects, apart from all that.
"""
