"""Readers: printed text, handwriting in boxes, marks, codes."""
