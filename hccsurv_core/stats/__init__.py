"""Survival statistics: estimates, tests and performance, each with its interval."""
