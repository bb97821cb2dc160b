"""Accuracy estimated without labels, held against the truth: real images, real classifiers, shifts of ten kinds."""
