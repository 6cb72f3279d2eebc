"""Intake, opening of files in a sandbox, clean-up of pages, separation into documents."""
