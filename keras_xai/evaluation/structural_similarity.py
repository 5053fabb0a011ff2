"""Structural similarity of two images."""

import cv2
import numpy as np

WINDOW_SIZE, WINDOW_SIGMA = 11, 1.5  # Wang et al. 2004, Sec. III-B
K1, K2 = 0.01, 0.03


def ssim(images: np.ndarray, other_images: np.ndarray) -> np.ndarray:
    """Measures structural similarity under a Gaussian window, channel by channel.

    The window has 11x11 pixels, or fewer where an image is smaller; it stays inside.

    Args:
        images: `(num_images, height, width, channels)` float in [0, 1].
        other_images: the same.

    Returns:
        `(num_images,)` float64 in [-1, 1]: the mean over windows and channels.

    Reference:
        Wang et al., Image Quality Assessment: From Error Visibility to Structural
        Similarity, 2004, Eq. 13.
    """
    return np.array(
        [
            _ssim(image.astype(np.float64), other.astype(np.float64))
            for image, other in zip(images, other_images, strict=True)
        ]
    )


def _ssim(x: np.ndarray, y: np.ndarray) -> float:
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + K1**2) / (mean_x**2 + mean_y**2 + K1**2)
    structure = (2 * covariance + K2**2) / (variance_x + variance_y + K2**2)
    return (luminance * structure).mean()


def _blur(image: np.ndarray) -> np.ndarray:
    """Averages under the window wherever it lies inside the image."""
    height, width = image.shape[:2]
    rows, columns = (min(WINDOW_SIZE, n - 1 + n % 2) for n in (height, width))  # odd
    blurred = cv2.GaussianBlur(image, (columns, rows), WINDOW_SIGMA)
    return blurred[rows // 2 : height - rows // 2, columns // 2 : width - columns // 2]
