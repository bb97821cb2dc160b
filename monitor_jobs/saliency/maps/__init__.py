"""Maps of a decomposition: three ways to rescale and resize parts, which is all that known implementations differ in.

All three are linear in what a resize does, so that channels are added up before they are resized, and layers of one
resolution with them: `idiap`, `gradcam` and `blog` do a handful of resizes where those that they equal do thousands.
"""

from monitor_jobs.saliency.maps.blog import blog
from monitor_jobs.saliency.maps.gradcam import gradcam
from monitor_jobs.saliency.maps.idiap import idiap

__all__ = ["blog", "gradcam", "idiap"]
