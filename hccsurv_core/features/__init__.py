"""Numbers from images and records."""
