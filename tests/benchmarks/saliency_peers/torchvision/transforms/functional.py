"""The one name that is imported."""

resize = None
