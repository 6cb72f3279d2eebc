"""Rendering and delivery of verified documents: GED, accounting, Chorus Pro."""
