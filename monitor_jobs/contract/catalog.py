"""The built-in monitors: image name -> module, and which of them read the side index. Strings only; one line each."""

BUILT_IN_MONITORS = {
    "sextant/class-skew": "monitor_jobs.class_skew",
}

READS_SIDE_INDEX = frozenset({"monitor_jobs.class_skew"})  # these need predictions only, not the whole captures


def reads_side_index(image_uri: str) -> bool:
    """True where a monitor can do with the side index in place of capture files."""
    return built_in_module(image_uri) in READS_SIDE_INDEX


def built_in_module(image_uri: str) -> str | None:
    """The module of a built-in monitor by its image name, whatever registry, tag or digest is put around it."""
    path = image_uri.partition("@")[0]
    head, _, tail = path.rpartition("/")
    repository = f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]
    matches = (
        module for name, module in BUILT_IN_MONITORS.items() if repository == name or repository.endswith("/" + name)
    )
    return next(matches, None)
