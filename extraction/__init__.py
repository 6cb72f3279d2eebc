"""Readers and what turns a page into fields. Arrays and values in, values out; no record, no web, no settings."""
