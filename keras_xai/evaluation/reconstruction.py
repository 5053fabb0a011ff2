"""How much of an image, and of what a classifier saw in it, a reconstruction keeps."""

import numpy as np


def squared_error(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Sums the squared difference over an image's pixels and channels.

    Args:
        images: `(num_images, height, width, channels)` float in [0, 1].
        reconstructions: the same.

    Returns:
        `(num_images,)` float64.

    Reference:
        [IDA21] Eq. 1, "Rec Loss".
    """
    difference = images.astype(np.float64) - reconstructions
    return np.square(difference).sum(axis=(1, 2, 3))


def cross_entropy(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Takes the negative logarithm of the true class' probability, at least 1e-7.

    Args:
        labels: `(num_images,)` int.
        probs: `(num_images, num_classes)` in [0, 1].

    Returns:
        `(num_images,)` float64, in nats.
    """
    true_probs = np.take_along_axis(probs, labels[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(true_probs.astype(np.float64), 1e-7))


def agreement(probs: np.ndarray, other_probs: np.ndarray) -> np.ndarray:
    """Asks whether two predictions name the same class.

    Args:
        probs: `(num_images, num_classes)`.
        other_probs: the same.

    Returns:
        `(num_images,)` bool.
    """
    return probs.argmax(axis=1) == other_probs.argmax(axis=1)


def cosine(codes: np.ndarray, other_codes: np.ndarray) -> np.ndarray:
    """Measures the cosine of the angle between two codes of an image.

    Args:
        codes: `(num_images, ...)`; all axes but the first count as one.
        other_codes: the same.

    Returns:
        `(num_images,)` float64 in [-1, 1]; 0 if a code is zero.
    """
    a, b = (x.reshape(len(x), -1) for x in (codes, other_codes))

    def dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.einsum("ij,ij->i", x, y, dtype=np.float64)  # without whole copies

    products, lengths = dot(a, b), np.sqrt(dot(a, a) * dot(b, b))
    return np.divide(products, lengths, out=np.zeros_like(lengths), where=lengths > 0)
