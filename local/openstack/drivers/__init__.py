"""What pretends to be hardware. Everything above these drivers is OpenStack's own code.

Anything they are asked to do succeeds at once, unless the request asks for trouble (README.md).
"""
