"""The toy of the second paper: what a decoder gets back from one linear unit.

Reference:
    [IDA21] Sec. 3.
"""

from typing import Any

import numpy as np

from keras_xai.reproduction.ledger import spread

VARIANCES = np.array([3.0, 0.5])  # of x along u1 and u2, its principal axes
NUM_SAMPLES = 20_000
NUM_ANGLES = 19


def encoder_at(angle: float) -> np.ndarray:
    """Returns the encoder at an angle from u1, in radians: `(2,)`, of length one."""
    return np.array([np.cos(angle), np.sin(angle)])


def best_loss(encoder: np.ndarray) -> float:
    """Computes the loss of the best linear decoder in closed form.

    With x ~ N(0, S), the code y = E·x and R = S E / (E' S E), the mean squared error
    of R y is tr S - |S E|² / (E' S E).

    Args:
        encoder: `(2,)`, E.
    """
    covariance = np.diag(VARIANCES)
    projected = covariance @ encoder
    return float(covariance.trace() - projected @ projected / (encoder @ projected))


def draw_samples(seed: int) -> np.ndarray:
    """Draws x ~ N(0, S): `(NUM_SAMPLES, 2)`."""
    normal = np.random.default_rng(seed).normal(size=(NUM_SAMPLES, 2))
    return normal * np.sqrt(VARIANCES)


def decode(encoder: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Fits the linear decoder by least squares and returns what it gets back of x.

    Args:
        encoder: `(2,)`.
        x: `(n, 2)`.

    Returns:
        `(n, 2)`.
    """
    code = x @ encoder[:, None]
    decoder, *_ = np.linalg.lstsq(code, x, rcond=None)
    return code @ decoder


def measure_toy(seeds: range = range(5)) -> dict[str, Any]:
    """Measures the loss by the encoder's angle beside its closed form.

    Returns:
        `angles`, in degrees from u1; `closed_form`, one loss an angle; `measured`, for
        each angle mean, sd and values over seeds; `errors`, the mean squared errors of
        x1 and x2 for the encoders u1 (RefAE) and u2 (ClaDec of a regressor on x2).
    """
    angles = np.linspace(0, np.pi / 2, NUM_ANGLES)
    samples = [draw_samples(seed) for seed in seeds]

    def errors(angle: float, x: np.ndarray) -> np.ndarray:
        return np.square(x - decode(encoder_at(angle), x)).mean(axis=0)

    return {
        "angles": np.degrees(angles).round(1).tolist(),
        "closed_form": [round(best_loss(encoder_at(a)), 5) for a in angles],
        "measured": [spread([errors(a, x).sum() for x in samples]) for a in angles],
        "errors": {
            name: [spread([errors(angle, x)[i] for x in samples]) for i in (0, 1)]
            for name, angle in (("ref-ae", angles[0]), ("cladec", angles[-1]))
        },
    }
