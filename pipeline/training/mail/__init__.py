"""Simulated mail: forms filled by hand, invoices and letters, through a simulated scanner, with their truth."""
