"""The same measures in Quantus 0.6 and Xplique 2.0: `make test-others`.

Quantus wants images channels last, heatmaps and masks channels first, and does not
share ties; it rescales heatmaps by their largest absolute value, which no measure
below depends on. Xplique returns means over the images.
"""

import numpy as np
import pytest

from keras_xai.evaluation import complexity, localization, perturbation


@pytest.fixture
def heatmaps(rng):
    """Positive and without ties, so that neither signs nor tie rules matter."""
    return rng.permutation(3 * 12 * 12).reshape(3, 12, 12) / 432 + 0.01


@pytest.fixture
def targets(rng):
    return rng.random((3, 12, 12)) < 0.3


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("AUC", localization.roc_auc),
        ("RelevanceMassAccuracy", localization.relevance_mass),
        ("RelevanceRankAccuracy", localization.relevance_rank),
        ("PointingGame", localization.pointing_game),
        ("Complexity", lambda heatmaps, _: complexity.entropy(heatmaps)),
        ("Sparseness", lambda heatmaps, _: complexity.gini(heatmaps)),
    ],
)
def test_quantus(name, measure, heatmaps, targets):
    quantus = pytest.importorskip("quantus", reason="see `make test-others`")
    metric = getattr(quantus, name)(disable_warnings=True)
    received = metric(
        model=None,
        x_batch=np.zeros((3, 12, 12, 1)),
        y_batch=np.zeros(3, int),
        a_batch=heatmaps[:, None].copy(),
        s_batch=targets[:, None],
        channel_first=False,
    )
    np.testing.assert_allclose(received, measure(heatmaps, targets), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "measure"),
    [("Complexity", complexity.entropy), ("Sparseness", complexity.gini)],
)
def test_xplique_complexity(name, measure, heatmaps):
    metrics = pytest.importorskip("xplique.metrics", reason="see `make test-others`")
    received = getattr(metrics, name)().detailed_evaluate(heatmaps)
    np.testing.assert_allclose(received, measure(heatmaps), rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "curves"),
    [
        ("Deletion", perturbation.deletion_curves),
        ("Insertion", perturbation.insertion_curves),
    ],
)
def test_xplique_causal_fidelity(name, curves, heatmaps, rng):
    metrics = pytest.importorskip("xplique.metrics", reason="see `make test-others`")
    import keras

    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    images = rng.random((3, 12, 12, 1)).astype(np.float32)
    labels = np.array([0, 1, 1])
    metric = getattr(metrics, name)(
        model, images, np.eye(2, dtype=np.float32)[labels], baseline_mode=0.0, steps=10
    )
    values = curves(
        model.predict_on_batch, images, labels, heatmaps, fill="black", num_steps=10
    )
    expected = perturbation.area_under_curve(values).mean()
    assert metric.evaluate(heatmaps) == pytest.approx(expected, rel=1e-4)
