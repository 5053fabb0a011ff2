"""How much of an image, and of what a classifier saw in it, a reconstruction keeps."""

import numpy as np

WINDOW_SIZE, WINDOW_SIGMA = 11, 1.5  # Wang et al. 2004, Sec. III-B
K1, K2 = 0.01, 0.03


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
    a = codes.reshape(len(codes), -1).astype(np.float64)
    b = other_codes.reshape(len(codes), -1).astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = (a * b).sum(axis=1)
    return np.divide(products, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def ssim(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Measures structural similarity under a Gaussian window, channel by channel.

    The window has 11x11 pixels, or fewer where an image is smaller; it stays inside.

    Args:
        images: `(num_images, height, width, channels)` float in [0, 1].
        reconstructions: the same.

    Returns:
        `(num_images,)` float64 in [-1, 1]: the mean over windows and channels.

    Reference:
        Wang et al., Image Quality Assessment: From Error Visibility to Structural
        Similarity, 2004, Eq. 13.
    """
    x, y = images.astype(np.float64), reconstructions.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + K1**2) / (mean_x**2 + mean_y**2 + K1**2)
    structure = (2 * covariance + K2**2) / (variance_x + variance_y + K2**2)
    return (luminance * structure).mean(axis=(1, 2, 3))


def _blur(images: np.ndarray) -> np.ndarray:
    """Averages under the window wherever it lies inside the image."""
    for axis in (1, 2):
        length = images.shape[axis]
        size = min(WINDOW_SIZE, length - 1 + length % 2)  # odd
        offsets = np.arange(size) - size // 2
        weights = np.exp(-(offsets**2) / (2 * WINDOW_SIGMA**2))
        weights /= weights.sum()
        views = np.lib.stride_tricks.sliding_window_view(images, size, axis)
        images = views @ weights
    return images
