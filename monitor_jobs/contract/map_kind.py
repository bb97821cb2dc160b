"""The ways of drawing a FullGrad map; a module of its own, for a command line names them before it needs a contract."""

from enum import StrEnum


class MapKind(StrEnum):
    """Whose way it is: the paper's authors', pytorch-grad-cam's, or that of AWS's sample."""

    IDIAP = "idiap"
    GRADCAM = "gradcam"
    BLOG = "blog"
