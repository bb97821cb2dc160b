"""FullGrad: one logit of a network taken apart into what its input and what each layer's bias adds, and maps of that.

A piecewise linear network's logit is its input times the gradient there, plus every bias times the gradient at its
layer (Srinivas & Fleuret, NeurIPS 2019). As the sum is known, a map that leaves something out says so.

What lives here: the parts (decomposing), the biases of layers (biases), folding of normalisations (folding), maps of
parts (maps). What does not: where models, requests and captured tensors come from. Pure: tensors in, tensors out.
"""
