"""Files of data: a person's, as a table within limits, and where they and what was downloaded are kept. Needs no torch:
what reads a stranger's file starts in a moment."""
