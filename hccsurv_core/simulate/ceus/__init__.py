"""Virtual cohort of system 3: contrast-enhanced ultrasound, recurrence and survival."""
