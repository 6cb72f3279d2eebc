"""Verified documents for the systems that act on them: archive (GED), accounting, meters, mandates, Chorus Pro.

Each exporter renders purely and delivers through one adapter; the same key twice is one delivery.
"""
