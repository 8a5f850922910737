"""System 3: contrast-enhanced ultrasound."""
