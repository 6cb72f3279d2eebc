"""Simulated mail: pages drawn by chance, with the truth of what is on them, for training and for measuring."""
