"""Training programs: how each file of weights that we train ourselves is made again."""
