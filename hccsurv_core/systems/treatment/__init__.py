"""System 2: hepatectomy or TACE, what each would do for this patient, and when not to say."""
