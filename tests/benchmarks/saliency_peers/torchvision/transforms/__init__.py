"""The three names that are imported; who calls one finds out."""

Compose = Normalize = ToTensor = None
