"""A multi-label model measured on a labelled table."""
