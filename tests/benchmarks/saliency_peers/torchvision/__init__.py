"""A stand-in with names only, for pytorch-grad-cam imports torchvision, of which FullGrad uses nothing.

What lives here: nothing. There is no CPU build of torchvision among the packages that can be pinned here.
"""
