"""A real, small OpenID Connect provider that stands in for a ministry's login on one machine.

It follows the specifications (OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0,
Back-Channel Logout 1.0, RFC 6749, RFC 7636, RFC 9207) as far as a portal meets them, with one
exception by design: whoever sees the login page may pick any account. It therefore binds the
loopback address only, and the portal accepts it only in demonstration mode.
"""
