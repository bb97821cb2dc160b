"""The built-in monitors: image name -> module, and which of them read the side index. Strings only; one line each."""

BUILT_IN_MONITORS = {
    "sextant/class-skew": "monitor_jobs.class_skew",
}

READS_SIDE_INDEX = frozenset({"monitor_jobs.class_skew"})  # these need predictions only, not the whole captures


# AWS's own monitors by the repository of their images; one that is no key above has no monitor here.
PREBUILT_BY_AWS = ("sagemaker-model-monitor-analyzer", "sagemaker-clarify-processing")


def reads_side_index(image_uri: str) -> bool:
    """True where a monitor can do with the side index in place of capture files."""
    return built_in_module(image_uri) in READS_SIDE_INDEX


def built_in_module(image_uri: str) -> str | None:
    """The module of a built-in monitor by its image name, whatever registry, tag or digest is put around it."""
    return next((module for name, module in BUILT_IN_MONITORS.items() if _is_image(image_uri, name)), None)


def prebuilt_without_monitor(image_uri: str) -> str | None:
    """The name of AWS's own monitor that an image is, where nothing here stands in for it; else None.

    Proven by tests/unit/test_catalog.py.
    """
    if built_in_module(image_uri) is not None:
        return None
    return next((name for name in PREBUILT_BY_AWS if _is_image(image_uri, name)), None)


def _is_image(image_uri: str, name: str) -> bool:
    path = image_uri.partition("@")[0]
    head, _, tail = path.rpartition("/")
    repository = f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]
    return repository == name or repository.endswith("/" + name)
