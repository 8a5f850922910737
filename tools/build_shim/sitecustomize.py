"""Lets pyradiomics 3.0.1 build on Python 3.12 and newer.

Its setup.py carries a versioneer that calls `configparser.SafeConfigParser` and `readfp`, both
removed in Python 3.12. Python imports a module of this name at its start from PYTHONPATH, which
the Makefile sets for that one build only.
"""

import configparser

if not hasattr(configparser, "SafeConfigParser"):
    configparser.SafeConfigParser = configparser.ConfigParser
if not hasattr(configparser.RawConfigParser, "readfp"):
    configparser.RawConfigParser.readfp = configparser.RawConfigParser.read_file
