"""Fronts for other libraries: sfumato as their users expect it."""
