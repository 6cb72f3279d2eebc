"""Learned weights: what we ship, where each file comes from, and the one door to load it."""
