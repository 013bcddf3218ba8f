"""Cluster pictures by their features: a tree whose cuts are the groups that a visitor names."""

from collections.abc import Sequence

import numpy as np

from core.training import convex

DIMENSIONS = 128
"""Principal components that are kept; with more, a head is slower and hardly better."""
CLUSTERED = 64
"""Principal components by which pictures are clustered."""
LEAVES = 4_000
"""Most leaves of a tree: its time and memory grow with their square."""
SHRINKAGE = 0.01
"""Factor of the differences within a group, so that the tree divides groups last."""

Merges = tuple[tuple[int, int], ...]
"""The two nodes that each inner node joins, the most similar first. Inner nodes are numbered after
the leaves."""


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

    points = unit_vectors(features)
    _, group = np.unique(groups, return_inverse=True)
    means = np.zeros((group.max() + 1, points.shape[1]), np.float32)
    np.add.at(means, group, points)
    means /= np.bincount(group)[:, None]
    points = means[group] + SHRINKAGE * (points - means[group])
    leaf = np.arange(len(points))
    if len(points) > LEAVES:
        fitted = MiniBatchKMeans(LEAVES // 2, n_init=1, random_state=0).fit(points)
        used, leaf = np.unique(fitted.labels_, return_inverse=True)
        points = fitted.cluster_centers_[used]
    ward = AgglomerativeClustering(n_clusters=None, distance_threshold=0, linkage="ward")
    return leaf, tuple((int(a), int(b)) for a, b in ward.fit(points).children_)


def unit_vectors(features: np.ndarray) -> np.ndarray:
    """Directions of the features by which pictures are compared, (n, up to `CLUSTERED`)."""
    points = features[:, :CLUSTERED]
    return points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)


def cut(merges: Merges, count: int) -> tuple[int, ...]:
    """The nodes of `count` clusters, or of fewer if there are fewer leaves."""
    leaves = len(merges) + 1
    # This node and those above it are divided.
    first = leaves + len(merges) - (min(count, leaves) - 1)
    if first > 2 * leaves - 2:
        return (2 * leaves - 2,)
    return tuple(node for pair in merges[first - leaves :] for node in pair if node < first)


def below(merges: Merges, node: int) -> list[int]:
    """The leaves below a node."""
    leaves, result, stack = len(merges) + 1, [], [node]
    while stack:
        node = stack.pop()
        if node < leaves:
            result.append(node)
        else:
            stack += merges[node - leaves]
    return result


def typical_first(features: np.ndarray, pictures: Sequence[int]) -> list[int]:
    """The pictures of a group, the most similar to its mean first.

    Args:
        features: (n, d) float32, of all pictures.
        pictures: indices of those of the group.
    """
    points = unit_vectors(features[list(pictures)])
    order = np.argsort(-(points @ points.mean(axis=0)), kind="stable")
    return [pictures[index] for index in order]


def default_count(pictures: int) -> int:
    """Number of clusters to begin with: most should show one class, and few enough to name."""
    return int(np.clip(round(np.sqrt(pictures)), 2, 60))
