"""A real OpenStack control plane on the loopback: everything but the machines it would control.

Only the standard library is imported here, in ``configuration`` and in ``stack``. The programs
below ``tables``, ``processes`` and ``drivers`` run in OpenStack's own environment.
"""
