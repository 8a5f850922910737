"""The dashboard's pages: widgets and layout only."""
