"""Figures drawn from result objects: Plotly for the screen, Matplotlib for print."""
