"""Figures: records become drawings, and a drawing becomes a picture on the screen, in print, or a table."""
