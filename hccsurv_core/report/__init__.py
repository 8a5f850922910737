"""What a reader takes away: figures for the screen and for print, tables, provenance."""
