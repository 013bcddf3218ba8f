"""Cluster pictures by their features: a tree whose cuts are the groups that a visitor names."""

from collections.abc import Sequence

import numpy as np

from core.training import convex

DIMENSIONS = 128
"""Principal components that are kept of the features; a head on more is slower, hardly better."""
COMPARED = 64
"""Principal components by which pictures are clustered."""
LEAVES = 4_000
"""Most leaves of a tree: its time and memory grow with their square."""
APART = 0.01
"""What is left of the differences between pictures that look the same."""

Merges = tuple[tuple[int, int], ...]
"""Which two nodes each further node joins, the most alike first; leaves come before."""


def project(embeddings: np.ndarray, fitted_to: np.ndarray) -> np.ndarray:
    """Scaled principal components of embeddings, (n, up to `DIMENSIONS`) float32.

    Args:
        embeddings: (n, d) float32.
        fitted_to: (m,) int64, pictures that scale and components are taken from.
    """
    from sklearn.utils.extmath import randomized_svd

    mean, scale = convex.fit_scale(embeddings[fitted_to])
    rows = convex.apply_scale(embeddings, mean, scale)
    fitted = rows[fitted_to]
    _, _, components = randomized_svd(fitted, min(DIMENSIONS, *fitted.shape), random_state=0)
    return np.asarray(rows @ components.T, np.float32)


def tree(features: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, Merges]:
    """The tree of clusters of some pictures.

    Args:
        features: (n, d) float32, as by `project`; n is 2 or more.
        groups: (n,) int64; pictures of one group look the same, and are divided last.

    Returns:
        The leaf of each picture, (n,) int64, and the merges.

    Source: Ward, "Hierarchical grouping to optimize an objective function", JASA 58 (1963); k-means
        first where there are many pictures.
    """
    from sklearn.cluster import AgglomerativeClustering, MiniBatchKMeans

    points = compared(features)
    _, group = np.unique(groups, return_inverse=True)
    means = np.zeros((group.max() + 1, points.shape[1]), np.float32)
    np.add.at(means, group, points)
    means /= np.bincount(group)[:, None]
    points = means[group] + APART * (points - means[group])
    leaf = np.arange(len(points))
    if len(points) > LEAVES:
        fitted = MiniBatchKMeans(LEAVES // 2, n_init=1, random_state=0).fit(points)
        used, leaf = np.unique(fitted.labels_, return_inverse=True)
        points = fitted.cluster_centers_[used]
    ward = AgglomerativeClustering(n_clusters=None, distance_threshold=0, linkage="ward")
    return leaf, tuple((int(a), int(b)) for a, b in ward.fit(points).children_)


def compared(features: np.ndarray) -> np.ndarray:
    """The directions by which pictures are compared, (n, up to `COMPARED`) of length 1."""
    points = features[:, :COMPARED]
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)


def cut(merges: Merges, count: int) -> tuple[int, ...]:
    """The nodes of `count` clusters, or of as many as there are leaves."""
    leaves = len(merges) + 1
    first = leaves + len(merges) - (min(count, leaves) - 1)  # from here on, nodes are divided
    if first > 2 * leaves - 2:
        return (2 * leaves - 2,)
    return tuple(node for pair in merges[first - leaves :] for node in pair if node < first)


def below(merges: Merges, node: int) -> list[int]:
    """The leaves below a node."""
    leaves, found, waiting = len(merges) + 1, [], [node]
    while waiting:
        node = waiting.pop()
        if node < leaves:
            found.append(node)
        else:
            waiting += merges[node - leaves]
    return found


def typical_first(features: np.ndarray, pictures: Sequence[int]) -> list[int]:
    """Pictures of a group in the order of their similarity to its mean."""
    points = compared(features[list(pictures)])
    order = np.argsort(-(points @ points.mean(axis=0)), kind="stable")
    return [pictures[place] for place in order]


def sensible(pictures: int) -> int:
    """How many groups to begin with: enough that most show one class, few enough to name them."""
    return int(np.clip(round(np.sqrt(pictures)), 2, 60))
