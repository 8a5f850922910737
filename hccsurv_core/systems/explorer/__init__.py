"""The cohort explorer: from a table's columns to curves, tests, tables and their words."""
