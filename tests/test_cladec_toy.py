"""The toy of [IDA21] Sec. 3: a linear encoder of one unit, and the best decoder for it.

With x ~ N(0, S) and y = E·x the best linear decoder is R = S E / (E' S E), and its loss
tr S - |S E|² / (E' S E).
"""

import numpy as np
import pytest

VARIANCES = np.array([3.0, 0.5])  # along u1 and u2


def closed_form(encoder):
    covariance = np.diag(VARIANCES)
    projected = covariance @ encoder
    return covariance.trace() - projected @ projected / (encoder @ projected)


def errors_of_best_decoder(encoder, x):
    """Fits R by least squares; returns the mean squared error of x1 and x2."""
    code = x @ encoder[:, None]
    decoder, *_ = np.linalg.lstsq(code, x, rcond=None)
    return np.square(x - code @ decoder).mean(axis=0)


@pytest.fixture
def x(rng):
    return rng.normal(size=(200_000, 2)) * np.sqrt(VARIANCES)


def test_ref_ae_loses_the_second_variance_and_cladec_the_first(x):
    u1, u2 = np.eye(2)
    ref_ae, cladec = errors_of_best_decoder(u1, x), errors_of_best_decoder(u2, x)
    np.testing.assert_allclose([closed_form(u1), closed_form(u2)], [0.5, 3.0])
    np.testing.assert_allclose(ref_ae, [0, 0.5], atol=0.02)
    np.testing.assert_allclose(cladec, [3.0, 0], atol=0.05)
    assert ref_ae.sum() < cladec.sum() and cladec[1] < ref_ae[1]


def test_loss_falls_as_the_encoder_turns_towards_the_first_eigenvector(x):
    angles = np.linspace(np.pi / 2, 0, 10)
    encoders = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    expected = [closed_form(encoder) for encoder in encoders]
    assert (np.diff(expected) < 0).all()
    measured = [errors_of_best_decoder(encoder, x).sum() for encoder in encoders]
    np.testing.assert_allclose(measured, expected, rtol=0.02)


def test_the_optimum_of_a_linear_autoencoder_is_the_projection_on_u1(x):
    """Sec. 3 says "W = R·E is the first eigenvector"; it is u1 u1'."""
    u1 = np.array([1.0, 0.0])
    decoder, *_ = np.linalg.lstsq(x @ u1[:, None], x, rcond=None)
    np.testing.assert_allclose(np.outer(u1, decoder[0]), np.outer(u1, u1), atol=0.01)
