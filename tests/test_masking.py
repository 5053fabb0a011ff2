import keras
import numpy as np
import pytest

from keras_xai.models.cloning import without_augmentation
from keras_xai.models.joint import build_white_mask_model, make_joint
from keras_xai.models.masking import insert_mask, remove_mask

SHAPE = (32, 32, 3)
pytestmark = pytest.mark.usefixtures("float32")


def test_a_mask_is_inserted_into_a_backbone_of_any_size(float32, rng):
    image = keras.Input((None, None, 3))
    features = keras.layers.Conv2D(4, 3, padding="same", name="conv")(image)
    backbone = keras.Model(image, keras.layers.MaxPooling2D(name="pool")(features))
    outer = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(backbone(outer))
    classifier = keras.Model(outer, keras.layers.Dense(2)(x))
    masked = insert_mask(classifier, ["conv", "pool"])
    images = rng.random((2, 8, 8, 3)).astype(np.float32)
    white = np.ones((2, 8, 8, 1), np.float32)
    np.testing.assert_allclose(
        masked({"image": images, "mask": white}), classifier(images), rtol=1e-6
    )


def test_augmentation_that_the_mask_would_not_follow_is_refused(float32):
    image = keras.Input((8, 8, 3))
    flip = keras.Sequential([keras.layers.RandomFlip(name="flip")])
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(flip(image))
    classifier = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    with pytest.raises(ValueError, match="Received: flip"):
        insert_mask(classifier, ["conv"])
    insert_mask(without_augmentation(classifier), ["conv"])


def plain():
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
            keras.layers.MaxPooling2D(2, name="pool"),
            keras.layers.Conv2D(5, 3, padding="same", activation="relu", name="top"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def residual():
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="stem")(image)
    y = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Add(name="sum")([x, keras.layers.Conv2D(4, 1, name="branch")(y)])
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))


def nested():
    image = keras.Input(SHAPE)
    backbone = residual()
    backbone = keras.Model(
        backbone.input, backbone.get_layer("sum").output, name="base"
    )
    x = keras.layers.Conv2D(2, 3, padding="same", name="top")(backbone(image))
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(x))


def mobile():
    return keras.applications.MobileNetV2(
        SHAPE, alpha=0.35, weights=None, classes=3, classifier_activation="softmax"
    )


def resnet():
    base = keras.applications.ResNet50(
        include_top=False, weights=None, input_shape=SHAPE
    )
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    return keras.Model(base.input, keras.layers.Dense(3, activation="softmax")(x))


CLASSIFIERS = {
    "plain": (plain, ["conv", "top"]),
    "residual": (residual, ["stem", "branch"]),
    "nested": (nested, ["branch", "top"]),
    "MobileNetV2": (mobile, ["Conv1_relu", "block_3_expand_relu"]),
    "ResNet50": (resnet, ["conv1_relu", "conv2_block3_out"]),
}


@pytest.fixture
def images(rng):
    return rng.random((2, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize("build, at", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_white_mask_changes_nothing_and_black_hides_the_image(build, at, images):
    classifier = build()
    masked = insert_mask(classifier, at)
    expected = np.array(classifier(images, training=False))
    white = np.ones((2, 32, 32, 1), np.float32)
    for mask, inputs in ((white, images), (0 * white, 1 - images)):
        probs = np.array(masked({"image": inputs, "mask": mask}, training=False))
        if mask.any():
            np.testing.assert_array_equal(probs, expected)
        else:
            np.testing.assert_array_equal(probs[0], probs[1])
    unmasked = remove_mask(masked)
    np.testing.assert_array_equal(unmasked(images, training=False), expected)
    own = {id(weight) for weight in classifier.weights}
    assert {id(weight) for weight in masked.weights} == own
    assert {id(weight) for weight in unmasked.weights} == own


def test_a_classifiers_own_gate_stays(images):
    image = keras.Input(images.shape[1:])
    features = keras.layers.Conv2D(4, 3, padding="same", name="conv")(image)
    gate = keras.layers.Conv2D(4, 1, activation="sigmoid")(image)
    x = keras.layers.Multiply(name="spatial_mask")([features, gate])
    x = keras.layers.GlobalAveragePooling2D()(x)
    classifier = keras.Model(image, keras.layers.Dense(2, activation="softmax")(x))
    unmasked = remove_mask(insert_mask(classifier, ["conv"]))
    assert "spatial_mask" in [layer.name for layer in unmasked.layers]
    np.testing.assert_allclose(unmasked(images), classifier(images), atol=1e-6)
    with pytest.raises(ValueError, match="a model with 'spatial_mask'"):
        layer = keras.layers.ReLU(name="spatial")(classifier.output)
        insert_mask(keras.Model(image, layer), ["spatial"])


def test_masked_features_are_the_product(images, rng):
    classifier = residual()
    mask = rng.random((2, 32, 32, 1)).astype(np.float32)
    masked = insert_mask(classifier, ["sum"], mask_pooling="average")
    features = keras.Model(classifier.input, classifier.get_layer("sum").output)(images)
    pooled = mask.reshape(2, 16, 2, 16, 2, 1).mean(axis=(2, 4))
    expected = classifier.layers[-1](np.mean(features * pooled, axis=(1, 2)))
    probs = masked({"image": images, "mask": mask})
    np.testing.assert_allclose(probs, expected, rtol=1e-5)


def test_joint_model_of_any_classifier_survives_its_file(images, tmp_path):
    joint = make_joint(nested(), ["branch", "top"], mask_pooling="average")
    joint.save(tmp_path / "joint.keras")
    loaded = keras.models.load_model(tmp_path / "joint.keras")
    for name, expected in joint(images).items():
        np.testing.assert_array_equal(loaded(images)[name], expected)
    np.testing.assert_array_equal(
        build_white_mask_model(loaded)(images)["probs"],
        build_white_mask_model(joint)(images)["probs"],
    )


@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50"])
def test_a_joint_model_takes_stored_images_and_shares_the_classifier(name, images):
    build, at = CLASSIFIERS[name]
    classifier = build()
    joint = make_joint(classifier, at, scale=2 / 255, offset=-1.0)
    out = joint(images * 255, training=False)
    assert out["mask"].shape == (2, 32, 32, 1) and out["probs"].shape == (2, 3)
    white = build_white_mask_model(joint)(images * 255, training=False)["probs"]
    expected = classifier(2 * images - 1, training=False)
    np.testing.assert_allclose(white, expected, atol=1e-6)
    shared = {id(weight) for weight in classifier.weights}
    assert shared < {id(weight) for weight in joint.weights}


def test_features_of_odd_size_take_a_mask_of_their_size(images):
    image = keras.Input((30, 30, 3))
    x = keras.layers.Conv2D(4, 3, strides=4, padding="same", name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    masked = insert_mask(keras.Model(image, keras.layers.Dense(2)(x)), ["conv"])
    assert masked.get_layer("conv_mask").output.shape == (None, 8, 8, 4)


@pytest.mark.parametrize(
    "at, message",
    [
        (["nowhere"], "Expected some of: .*conv.*Received: nowhere"),
        ([], "Received: none"),
        (["global_max_pooling2d"], "Expected layers whose output is a feature map"),
    ],
)
def test_layers_that_take_no_mask_are_refused(at, message):
    keras.utils.clear_session()
    with pytest.raises(ValueError, match=message):
        insert_mask(plain(), at)


def test_features_that_pooling_cannot_reach_are_refused():
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(4, 3, name="valid")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    with pytest.raises(ValueError, match="Received: 'valid' with 30x30"):
        insert_mask(keras.Model(image, keras.layers.Dense(2)(x)), ["valid"])
