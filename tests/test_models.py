import keras
import numpy as np
import pytest

from keras_xai.models.classifier import build_classifier
from keras_xai.models.explainer import build_explainer
from keras_xai.models.joint import build_joint, build_white_mask_model
from keras_xai.models.masking import remove_mask

SHAPE = (16, 32, 3)
pytestmark = pytest.mark.usefixtures("float32")


def tiny_joint(**options):
    explainer = build_explainer(SHAPE, filters=(4, 8))
    classifier = build_classifier(SHAPE, 2, filters=(4, 8, 8), dense_units=(6, 6))
    return build_joint(explainer, classifier, **options)


def test_parameter_counts_at_the_papers_size():
    explainer = build_explainer((224, 224, 3))
    assert explainer.count_params() == 781_285
    assert sum(np.prod(w.shape) for w in explainer.non_trainable_weights) == 2
    assert build_classifier((224, 224, 3), 2).count_params() == 1_221_922


@pytest.mark.parametrize("size", [(32, 32, 3), (16, 48, 1)])
@pytest.mark.parametrize("upsampling", ["transpose", "bilinear"])
def test_mask_has_the_images_size_and_range(size, upsampling, rng):
    explainer = build_explainer(size, filters=(4, 8), upsampling=upsampling)
    mask = explainer(rng.random((2, *size), np.float32) * 100)
    assert mask.shape == (2, *size[:2], 1)
    assert float(keras.ops.min(mask)) >= 0
    assert float(keras.ops.max(mask)) <= 1


def test_up_path_sums_with_the_same_stages_second_convolution():
    explainer = build_explainer(SHAPE, filters=(4, 8))
    for stage in (1, 2):
        total = explainer.get_layer(f"up{stage}_sum")
        sources = {t._keras_history.operation.name for t in total.input}
        assert sources == {f"up{stage}_upsample", f"down{stage}_conv2"}


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_white_mask_is_plain_vgg_bit_for_bit(pooling, rng):
    classifier = build_classifier(
        SHAPE, 3, filters=(4, 8, 8), dense_units=(6,), mask_pooling=pooling
    )
    images = rng.random((4, *SHAPE), np.float32)
    white = np.ones((4, *SHAPE[:2], 1), np.float32)
    masked = classifier({"image": images, "mask": white}, training=False)
    plain = remove_mask(classifier)(images, training=False)
    np.testing.assert_array_equal(masked, plain)


def test_black_mask_hides_the_image(rng):
    classifier = build_classifier(SHAPE, 2, filters=(4, 8), dense_units=(6,))
    images = rng.random((5, *SHAPE), np.float32)
    black = np.zeros((5, *SHAPE[:2], 1), np.float32)
    probs = np.array(classifier({"image": images, "mask": black}, training=False))
    np.testing.assert_array_equal(probs, np.repeat(probs[:1], 5, axis=0))


@pytest.mark.parametrize("pooling, expected", [("max", 1.0), ("average", 0.25)])
def test_mask_pooling_keeps_or_fades_a_single_pixel(pooling, expected):
    classifier = build_classifier(SHAPE, 2, filters=(4, 8), mask_pooling=pooling)
    mask = np.zeros((1, *SHAPE[:2], 1), np.float32)
    mask[0, 5, 7] = 1
    pooled = classifier.get_layer("mask1_pool")(mask)
    assert float(keras.ops.max(pooled)) == expected


def test_multiplication_comes_right_before_every_pooling():
    classifier = build_classifier(SHAPE, 2, filters=(4, 8, 8))
    for stage in (1, 2, 3):
        pool = classifier.get_layer(f"block{stage}_pool")
        assert pool.input._keras_history.operation.name == f"block{stage}_mask"


@pytest.mark.parametrize("scale, offset", [(1 / 255, 0.0), (-1 / 255, 1.0)])
def test_joint_scales_stored_images(scale, offset, rng):
    joint = tiny_joint(scale=scale, offset=offset)
    images = rng.integers(0, 256, (2, *SHAPE)).astype(np.uint8)
    scaled = keras.ops.convert_to_tensor(images.astype(np.float32) * scale + offset)
    mask = joint.get_layer("explainer")(scaled, training=False)
    outputs = joint(images, training=False)
    np.testing.assert_allclose(outputs["mask"], mask, atol=1e-5)
    probs = joint.get_layer("classifier")({"image": scaled, "mask": mask})
    np.testing.assert_allclose(outputs["probs"], probs, atol=1e-5)


def test_white_mask_model_shares_the_classifier(rng):
    joint = tiny_joint()
    white = build_white_mask_model(joint)
    kernels = {id(w) for w in joint.get_layer("classifier").weights}
    assert {id(w) for w in white.weights} == kernels


def test_every_weight_of_the_joint_model_gets_a_gradient(rng):
    import tensorflow as tf

    joint = tiny_joint()
    images = rng.integers(0, 256, (4, *SHAPE)).astype(np.float32)
    with tf.GradientTape() as tape:
        outputs = joint(images, training=True)
        loss = tf.reduce_sum(outputs["probs"][:, 0]) + tf.reduce_sum(outputs["mask"])
    gradients = tape.gradient(loss, joint.trainable_weights)
    for weight, gradient in zip(joint.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert gradient.shape == weight.shape


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_keras_file_round_trip_needs_no_custom_objects(policy, tmp_path, rng):
    keras.config.set_dtype_policy(policy)
    joint = tiny_joint()
    images = rng.integers(0, 256, (2, *SHAPE)).astype(np.uint8)
    joint.save(tmp_path / "joint.keras")
    loaded = keras.models.load_model(tmp_path / "joint.keras")
    for name, expected in joint(images, training=False).items():
        assert keras.backend.standardize_dtype(expected.dtype) == "float32"
        np.testing.assert_array_equal(loaded(images, training=False)[name], expected)


@pytest.mark.parametrize("momentum, mean", [(0.9, None), (None, 1 / (1 + np.e**-2))])
def test_mask_starts_where_features_are_strong_or_flat(momentum, mean, rng):
    images = rng.normal(size=(4, *SHAPE)).astype(np.float32)
    kernel = "ones" if mean is None else "zeros"
    explainer = build_explainer(
        SHAPE,
        filters=(4, 8),
        init_bias=0.0 if mean is None else 2.0,
        batch_norm_momentum=momentum,
        mask_activation="sigmoid",
        mask_kernel_initializer=kernel,
    )
    mask = np.array(explainer(images, training=True))
    if mean is not None:
        np.testing.assert_allclose(mask, mean, rtol=1e-6)
        return
    layer = explainer.get_layer("up1_conv2")
    features = np.array(keras.Model(explainer.input, layer.output)(images))
    strength = features.sum(axis=-1, keepdims=True)
    assert np.corrcoef(mask.ravel(), strength.ravel())[0, 1] > 0.9


def test_gain_is_the_masks_deviation_before_its_activation(rng):
    images = 100 * rng.normal(size=(4, *SHAPE)).astype(np.float32)
    explainer = build_explainer(SHAPE, filters=(4, 8), init_gain=0.25)
    layer = explainer.get_layer("mask_norm")
    before = keras.Model(explainer.input, layer.output)(images, training=True)
    np.testing.assert_allclose(np.std(before), 0.25, rtol=0.01)


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda: build_explainer((30, 32, 3)), "divisible by 8.*filters"),
        (lambda: build_classifier((24, 24, 3), 2), "divisible by 16.*filters"),
        (lambda: build_classifier(SHAPE, 1), "num_classes=1"),
        (lambda: build_classifier(SHAPE, 2, mask_pooling="min"), "'min'"),
        (lambda: build_explainer((32, 32, 3), upsampling="cubic"), "'cubic'"),
        (lambda: build_explainer((32, 32, 3), mask_activation="gelu"), "'gelu'"),
    ],
)
def test_bad_options_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
