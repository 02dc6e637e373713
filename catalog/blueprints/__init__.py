"""Offerings of several parts: what their design says, and what an order of one becomes.

Pure: nothing here knows the database, a kind or a cloud.
"""
