"""The verbs of the command line, one module each: arguments in, one JSON object out."""
