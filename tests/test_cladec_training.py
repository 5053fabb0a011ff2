import gc
import weakref

import keras
import numpy as np
import pytest

from keras_xai.datasets.gather import gather_batches
from keras_xai.datasets.split import Split
from keras_xai.errors import InputError
from keras_xai.evaluation.structural_similarity import ssim
from keras_xai.models.decoder import build_decoder
from keras_xai.models.taps import build_encoder
from keras_xai.models.vgg5 import build_vgg5
from keras_xai.training import decoding
from keras_xai.training.codes import SpilledCodes, chunks, encode, predict
from keras_xai.training.decoding import (
    fit_classifier,
    seed_part,
    train_cladec,
    train_ref_ae,
)
from keras_xai.training.decoding_config import DecodingConfig
from keras_xai.training.decoding_metrics import METRICS, measure_reconstructions

SHAPE = (12, 12, 1)
CONFIG = DecodingConfig(
    epochs=2, batch_size=8, learning_rate=0.01, decoder_filters=2, alpha=0.0
)
pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture
def split(rng):
    """20 images of bright bars; a bar's place is its class."""
    labels = np.arange(20, dtype=np.int32) % 3
    images = rng.integers(0, 60, (20, *SHAPE), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 * label : 4 * label + 3] += 190
    names = tuple(f"{i}.png" for i in range(20))
    return Split(images, labels, None, names, ("top", "middle", "bottom"))


def build(seed=0):
    """A classifier with moving statistics and dropout that are not at their start."""
    keras.utils.set_random_seed(seed)
    classifier = build_vgg5(SHAPE, 3, filters=(4, 3, 4), batch_norm=True)
    x = keras.layers.Dropout(0.5)(classifier.get_layer("features").output)
    probs = keras.layers.Dense(3, activation="softmax", name="head")(x)
    classifier = keras.Model(classifier.input, probs)
    rng = np.random.default_rng(seed)
    for weight in classifier.weights:
        if "moving" in weight.path:
            weight.assign(0.1 + 0.1 * rng.random(weight.shape))
    return classifier


def cladec(split, classifier, **changes):
    config = DecodingConfig(**{**vars(CONFIG), **changes})
    log = []
    model = train_cladec(
        build_encoder(classifier, "block2"),
        classifier,
        split.images,
        split.labels,
        config,
        seed=1,
        report=log.append,
    )
    return model, log


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_classifier_is_bit_identical_afterwards_and_the_decoder_is_not(alpha, split):
    classifier = build()
    before = [w.copy() for w in classifier.get_weights()]
    seed_part(1, "decoder")
    encoder = build_encoder(classifier, "block2")
    fresh = build_decoder(encoder.output_shape[1:], SHAPE, filters=2).get_weights()
    model, log = cladec(split, classifier, alpha=alpha)
    for old, new in zip(before, classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(fresh, model.get_layer("decoder").get_weights(), strict=True):
        assert (old != new).any()
    assert [row["epoch"] for row in log] == [1, 2]
    assert log[1]["loss"] < log[0]["loss"]


def test_loss_is_equation_1(split):
    """With a learning rate of next to nothing the loss is that of the first decoder.

    The classifier's dropout must not show in it.
    """
    classifier = build()
    model, log = cladec(
        split, classifier, alpha=0.3, epochs=1, batch_size=20, learning_rate=1e-12
    )
    images = split.images / np.float32(255)
    reconstructions = predict(model, split.images)
    probs = np.asarray(classifier(reconstructions, training=False))
    expected = 0.0
    for i in range(20):
        error = sum((images[i] - reconstructions[i]).ravel() ** 2)
        expected += 0.7 * error - 0.3 * np.log(probs[i, split.labels[i]])
    assert log[0]["loss"] == pytest.approx(expected / 20, rel=1e-5)


def test_without_weight_the_reconstruction_is_not_learned(split):
    """alpha = 1: the decoder serves the classifier alone."""
    classifier = build()
    _, log = cladec(split, classifier, alpha=1.0, epochs=4)
    assert log[-1]["loss"] == pytest.approx(log[-1]["probs_loss"])
    assert log[-1]["probs_loss"] < log[0]["probs_loss"]


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_the_classifier_that_judges_is_fast_too(alpha, split, monkeypatch):
    models, original = [], decoding.fast_layers

    def watch(*args):
        models.extend(args)
        return original(*args)

    monkeypatch.setattr(decoding, "fast_layers", watch)
    classifier = build()
    cladec(split, classifier, alpha=alpha)
    assert len(models) == 1 + (alpha > 0)
    assert (classifier in models) == (alpha > 0)


def test_alpha_0_makes_no_pass_through_encoder_or_classifier(split, monkeypatch):
    classifier = build()
    encoder = build_encoder(classifier, "block2")
    calls = []

    def spy(graph, inputs, *arguments):
        calls.append((graph, inputs))

    monkeypatch.setattr(decoding, "_fit", spy)
    train_cladec(encoder, classifier, split.images, split.labels, CONFIG, seed=0)
    ((graph, codes),) = calls
    assert not {id(w) for w in graph.weights} & {id(w) for w in classifier.weights}
    assert list(graph.output) == ["reconstruction"]
    np.testing.assert_allclose(
        codes, encoder(split.images / np.float32(255)), rtol=1e-5, atol=1e-6
    )


def test_ref_ae_learns_in_every_part_and_leaves_the_classifier(split):
    classifier = build()
    before = [w.copy() for w in classifier.get_weights()]
    encoder = build_encoder(classifier, "block2")
    config = DecodingConfig(**{**vars(CONFIG), "learning_rate": 1e-12})
    start = train_ref_ae(encoder, split.images, config, seed=1)
    log = []
    model = train_ref_ae(encoder, split.images, CONFIG, seed=1, report=log.append)
    for old, new in zip(start.weights, model.weights, strict=True):
        assert np.abs(np.asarray(old) - np.asarray(new)).max() > 1e-6, new.path
    for old, new in zip(before, classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert log[1]["loss"] < log[0]["loss"]


def test_same_seed_same_losses(split):
    def losses(seed):
        part_seed = seed_part(seed, "classifier")
        classifier, log = build_vgg5(SHAPE, 3, filters=(2, 3)), []
        fit_classifier(
            classifier,
            split.images,
            split.labels,
            CONFIG,
            seed=part_seed,
            report=log.append,
        )
        return [row["loss"] for row in log]

    assert losses(1) == losses(1) != losses(2)


def test_parts_have_seeds_of_their_own():
    seeds = {seed_part(s, part) for s in range(3) for part in decoding.PARTS}
    assert len(seeds) == 9


def test_a_loss_that_is_not_finite_stops_with_one_sentence(split):
    classifier = build()
    classifier.get_layer("head").bias.assign(np.full(3, np.nan))
    with pytest.raises(InputError, match="loss became nan in epoch 1.*0.01"):
        cladec(split, classifier, alpha=0.5)


def test_codes_on_disk_are_those_in_memory(split, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_xai.training.codes.CHUNK_SIZE", 7)
    encoder = build_encoder(build(), "block2")
    path = tmp_path / "codes.npy"
    size = 20 * 3 * 3 * 3 * 4
    inside = encode(encoder, split.images, path, max_bytes=size)
    assert isinstance(inside, np.ndarray) and not path.exists()
    outside = encode(encoder, split.images, path, max_bytes=size - 1)
    assert isinstance(outside, SpilledCodes)
    assert (len(outside), outside.shape, outside.dtype) == (20, inside.shape, "f4")
    indices = np.array([3, 19, 0, 3])
    np.testing.assert_array_equal(outside[indices], inside[indices])
    np.testing.assert_array_equal(np.load(path), inside)


def test_training_from_codes_on_disk_is_that_from_memory(split, monkeypatch):
    expected, log = cladec(split, build())
    monkeypatch.setattr("keras_xai.training.codes.MAX_BYTES_IN_MEMORY", 0)
    model, from_disk = cladec(split, build())
    assert from_disk == log
    for weight, other in zip(model.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_large_images_come_in_smaller_pieces():
    def sizes(num_images, side):
        images = np.broadcast_to(np.uint8(0), (num_images, side, side, 3))
        return [len(images[part]) for part in chunks(images)]

    assert sizes(5000, 32) == [2048, 2048, 904]
    assert sizes(700, 224) == [332, 332, 36]  # of 600 kB each in float32
    assert sizes(2, 8192) == [1, 1]
    assert sizes(0, 32) == []


def test_so_do_images_with_large_codes():
    images = np.broadcast_to(np.uint8(0), (5000, 32, 32, 1))
    parts = [len(images[part]) for part in chunks(images, (32, 32, 64))]
    assert parts == [762] * 6 + [428]  # of 262 kB each


def test_batches_are_gathered_in_order_and_scaled(split):
    batches = np.array([[2, 0], [1, 19]])
    targets = {"reconstruction": split.images, "probs": split.labels}
    with gather_batches(split.images, targets, batches) as dataset:
        gathered = list(dataset.as_numpy_iterator())
    for (inputs, outputs), indices in zip(gathered, batches, strict=True):
        expected = split.images[indices] / np.float32(255)
        np.testing.assert_allclose(inputs, expected, rtol=1e-6)
        np.testing.assert_array_equal(outputs["reconstruction"], inputs)
        np.testing.assert_array_equal(outputs["probs"], split.labels[indices])
    assert gathered[0][0].dtype == np.float32


def test_what_was_gathered_from_can_be_freed(split):
    codes = np.zeros((20, 4), np.float32)
    freed = weakref.ref(codes)
    with gather_batches(codes, {"probs": split.labels}, np.array([[1, 2]])) as dataset:
        keras.Model(image := keras.Input((4,)), {"probs": image}).predict(dataset)
    del codes, dataset
    gc.collect()
    assert freed() is None


def test_metrics_of_other_images(split):
    """Each restated for one image at a time; reconstructions are other images."""
    classifier = build()
    encoder = build_encoder(classifier, "block2")
    images = split.images / np.float32(255)
    head = classifier.get_layer("head")
    features = keras.Model(classifier.input, head.input)(images)
    head.bias.assign(-np.mean(features @ head.kernel, axis=0))  # so that answers differ
    others = np.roll(images, 7, axis=0) ** 2
    values = measure_reconstructions(encoder, classifier, split, others)
    assert 0 < values["agreement"].mean() < 1 and 0 < values["accuracy"].mean() < 1
    for i, label in enumerate(split.labels):
        pair = np.stack([images[i], others[i]])
        original, probs = np.array(classifier(pair))
        a, b = np.array(encoder(pair)).reshape(2, -1).astype(float)
        expected = {
            "squared_error": ((images[i] - others[i]).astype(float) ** 2).sum(),
            "ssim": ssim(images[i : i + 1], others[i : i + 1])[0],
            "feature_cosine": a @ b / np.sqrt((a @ a) * (b @ b)),
            "agreement": probs.argmax() == original.argmax(),
            "accuracy": probs.argmax() == label,
            "cross_entropy": -np.log(probs[label]),
            "prediction": probs.argmax(),
        }
        for name, value in expected.items():
            assert values[name][i] == pytest.approx(value, rel=1e-4), name


def test_metrics_of_a_perfect_reconstruction(split):
    classifier = build()
    encoder = build_encoder(classifier, "block2")
    images = split.images / np.float32(255)
    values = measure_reconstructions(encoder, classifier, split, images)
    assert {*METRICS, "prediction"} == set(values)
    assert not values["squared_error"].any()
    assert values["agreement"].all()
    np.testing.assert_allclose(values["ssim"], 1)
    np.testing.assert_allclose(values["feature_cosine"], 1, rtol=1e-5)
    prediction = predict(classifier, split.images).argmax(axis=1)
    np.testing.assert_array_equal(values["accuracy"], prediction == split.labels)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"alpha": -0.1}, r"`alpha`. Expected a number in \[0, 1\]"),
        ({"alpha": 1.5}, "alpha=1.5"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
    ],
)
def test_choices_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        DecodingConfig(**options)
