"""Values as they stand on French paper: pure parsing to a canonical form, and the checks of the canonical value.

What a reader read and what a coder keyed go through the same functions; `models.values.kinds` is the one door.
"""
