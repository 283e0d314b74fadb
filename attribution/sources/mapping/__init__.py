"""Mappings: how the files of other systems become canonical tables, declared as data."""
