"""Virtual cohort of system 2: hepatectomy or TACE, both outcomes known."""
