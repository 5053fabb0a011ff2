import numpy as np
import pytest

from keras_xai.reproduction.cladec_toy import (
    VARIANCES,
    best_loss,
    decode,
    draw_samples,
    encoder_at,
    measure_toy,
)


@pytest.fixture(scope="module")
def toy():
    return measure_toy()


def test_ref_ae_loses_the_second_variance_and_cladec_the_first(toy):
    assert best_loss(encoder_at(0)) == pytest.approx(VARIANCES[1])
    assert best_loss(encoder_at(np.pi / 2)) == pytest.approx(VARIANCES[0])
    ref_ae, cladec = (
        [error["mean"] for error in toy["errors"][name]]
        for name in ("ref-ae", "cladec")
    )
    np.testing.assert_allclose(ref_ae, [0, VARIANCES[1]], rtol=0.02, atol=1e-6)
    np.testing.assert_allclose(cladec, [VARIANCES[0], 0], rtol=0.02, atol=1e-6)


def test_loss_falls_as_the_encoder_turns_towards_the_first_eigenvector(toy):
    assert (np.diff(toy["closed_form"]) > 0).all()  # angles rise from u1
    measured = [loss["mean"] for loss in toy["measured"]]
    np.testing.assert_allclose(measured, toy["closed_form"], rtol=0.02)
    assert all(len(loss["values"]) == 5 and loss["sd"] > 0 for loss in toy["measured"])


def test_the_optimum_of_a_linear_autoencoder_is_the_projection_on_u1():
    """Sec. 3 says "W = R·E is the first eigenvector"; it is u1 u1'."""
    x = draw_samples(0)
    projection = np.linalg.lstsq(x, decode(encoder_at(0), x), rcond=None)[0]
    np.testing.assert_allclose(projection, [[1, 0], [0, 0]], atol=0.01)
