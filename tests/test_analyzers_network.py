import keras
import numpy as np
import pytest

from keras_xai.analyzers.network import build_float32, extract_network
from keras_xai.errors import InputError
from keras_xai.models.classifier import build_classifier
from keras_xai.models.explainer import build_explainer
from keras_xai.models.joint import build_joint, build_white_mask_model
from keras_xai.models.masking import remove_mask
from keras_xai.models.resnet10 import build_resnet10
from keras_xai.models.vgg5 import build_vgg5

SHAPE = (8, 8, 3)
DENSE = keras.layers.Dense
pytestmark = pytest.mark.usefixtures("float32")


def rebuild(network, shape=SHAPE):
    """The child's work, in Keras 3: from the stored image to logits."""
    image = keras.Input(shape)
    tensors = [image * network.scale + network.offset]
    for entry in network.layers:
        layer = getattr(keras.layers, entry.class_name)(**entry.config)
        inputs = [tensors[position] for position in entry.inputs]
        tensors.append(layer(inputs if len(inputs) > 1 else inputs[0]))
        layer.set_weights(entry.weights)
    return keras.Model(image, tensors[-1])


def randomise(model, rng):
    for weight in model.weights:
        low = 0.1 if "variance" in weight.path else -0.5
        weight.assign(rng.uniform(low, 0.5, weight.shape))
    return model


def masked():
    return build_classifier(SHAPE, 3, filters=(4, 4), dense_units=(5,), dropout=0.5)


def joint():
    explainer = build_explainer(SHAPE, filters=(4, 8))
    model = build_joint(explainer, masked(), scale=-0.5, offset=1.0)
    return build_white_mask_model(model)


def nested():
    """A backbone in a backbone, called twice, in a Sequential model."""
    inner = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.ZeroPadding2D(1),
            keras.layers.Conv2D(3, 3),
            keras.layers.ReLU(),
        ]
    )
    image = keras.Input(SHAPE)
    outer = keras.Model(image, keras.layers.Concatenate()([inner(image), image]))
    one = keras.Input(SHAPE)
    half = keras.layers.Rescaling(0.5)(one)
    x = keras.layers.Conv2D(3, 1)(outer(half))
    x = inner(x)
    x = keras.layers.AveragePooling2D(2, padding="same")(x)
    backbone = keras.Model(one, x)
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Rescaling([0.1, 0.2, 0.3], offset=0.5),
            keras.layers.GaussianNoise(0.1),
            backbone,
            keras.layers.Reshape((-1,)),
            keras.layers.Dense(3),
            keras.layers.Softmax(),
        ]
    )


def assorted():
    """Every kind of layer that the others lack."""
    image = keras.Input(SHAPE)
    x = keras.layers.SeparableConv2D(4, 3, padding="same", depth_multiplier=2)(image)
    a = keras.layers.LeakyReLU(0.2)(x)
    b = keras.layers.PReLU(shared_axes=[1, 2])(x)
    c = keras.layers.ELU(0.7)(x)
    d = keras.layers.ReLU(max_value=0.4, negative_slope=0.1)(x)
    x = keras.layers.Concatenate()(
        [
            keras.layers.Average()([a, b]),
            keras.layers.Maximum()([b, c]),
            keras.layers.Minimum()([c, d]),
            keras.layers.Multiply()([a, d]),
            keras.layers.Subtract()([b, d]),
        ]
    )
    x = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.UpSampling2D(2)(keras.layers.Cropping2D(1)(x))
    x = keras.layers.Permute((3, 1, 2))(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(image, DENSE(2, activation="softmax")(x))


BUILDERS = {
    "assorted": assorted,
    "unmasked": lambda: remove_mask(masked()),
    "joint": joint,
    "vgg5": lambda: build_vgg5(SHAPE, 3, filters=(4, 4)),
    "vgg5 with norm": lambda: build_vgg5(SHAPE, 3, filters=(4, 4), batch_norm=True),
    "resnet10": lambda: build_resnet10(SHAPE, 3, filters=(4, 4)),
    "nested": nested,
}


@pytest.mark.parametrize("name", BUILDERS)
def test_rebuilt_network_gives_the_same_probabilities(name, rng):
    model = randomise(BUILDERS[name](), rng)
    images = rng.uniform(0, 2, (4, *SHAPE)).astype(np.float32)
    probs = model(images, training=False)
    probs = probs["probs"] if isinstance(probs, dict) else probs
    logits = rebuild(extract_network(model))(images)
    np.testing.assert_allclose(keras.ops.softmax(logits), probs, atol=1e-5)
    assert np.ptp(probs, axis=0).max() > 1e-3


@pytest.mark.parametrize("name", BUILDERS)
def test_logits_are_centred(name, rng):
    network = extract_network(randomise(BUILDERS[name](), rng))
    logits = np.array(rebuild(network)(rng.random((4, *SHAPE), np.float32)))
    np.testing.assert_allclose(logits.sum(axis=-1), 0, atol=1e-4)
    assert np.abs(logits).min() > 1e-4


def test_layers_are_plain_and_in_order():
    layers = extract_network(nested()).layers
    assert [(x.class_name, x.inputs) for x in layers] == [
        ("ZeroPadding2D", [0]),
        ("Conv2D", [1]),
        ("Activation", [2]),
        ("Concatenate", [3, 0]),
        ("Conv2D", [4]),
        ("ZeroPadding2D", [5]),
        ("Conv2D", [6]),
        ("Activation", [7]),
        ("AveragePooling2D", [8]),
        ("Reshape", [9]),
        ("Dense", [10]),
    ]
    assert layers[2].config == {"activation": "relu"}
    assert layers[-1].config["activation"] == "linear"
    np.testing.assert_array_equal(layers[1].weights[0], layers[6].weights[0])


@pytest.mark.parametrize("name", ["vgg5 with norm", "resnet10", "assorted"])
def test_normalisation_is_folded_into_the_layer_before(name):
    layers = extract_network(BUILDERS[name]()).layers
    assert "BatchNormalization" not in [layer.class_name for layer in layers]


def test_normalisation_without_its_own_layer_before_stays(rng):
    image = keras.Input(SHAPE)
    conv = keras.layers.Conv2D(3, 1)(keras.layers.BatchNormalization()(image))
    norm = keras.layers.BatchNormalization(scale=False)(conv)
    rows = keras.layers.BatchNormalization(axis=1)(conv)
    x = keras.layers.Flatten()(keras.layers.Add()([norm, conv, rows]))
    x = keras.layers.BatchNormalization(center=False)(DENSE(4, use_bias=False)(x))
    model = randomise(keras.Model(image, DENSE(2, activation="softmax")(x)), rng)
    network = extract_network(model)
    assert [(x.class_name, x.inputs) for x in network.layers] == [
        ("BatchNormalization", [0]),
        ("Conv2D", [1]),
        ("Conv2D", [1]),  # with its normalisation
        ("BatchNormalization", [2]),
        ("Add", [3, 2, 4]),
        ("Flatten", [5]),
        ("Dense", [6]),
        ("Dense", [7]),
    ]
    images = rng.random((4, *SHAPE), np.float32)
    probs = keras.ops.softmax(rebuild(network)(images))
    np.testing.assert_allclose(probs, model(images, training=False), atol=1e-5)


@pytest.mark.parametrize("invert", [False, True])
def test_normalization_of_the_image_is_a_rescaling(invert, rng):
    images = rng.random((9, *SHAPE), np.float32)
    adapted = keras.layers.Normalization(invert=invert)
    adapted.adapt(5 * images)
    given = keras.layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[1.0, 0.0, 4.0])
    layers = [keras.Input(SHAPE), keras.layers.Rescaling(2.0), adapted, given]
    model = keras.Sequential(
        [*layers, keras.layers.Flatten(), DENSE(3, activation="softmax")]
    )
    network = extract_network(model)
    assert [layer.class_name for layer in network.layers] == ["Flatten", "Dense"]
    probs = keras.ops.softmax(rebuild(network)(images))
    np.testing.assert_allclose(probs, model(images), atol=1e-5)


def test_normalization_of_single_pixels_is_none():
    of_pixels = keras.layers.Normalization(axis=(1, 2, 3))
    of_pixels.adapt(np.arange(2.0 * np.prod(SHAPE)).reshape(2, *SHAPE))
    model = keras.Sequential(
        [keras.Input(SHAPE), of_pixels, keras.layers.Flatten(), DENSE(3, "softmax")]
    )
    with pytest.raises(InputError, match="is a Normalization.* or Rescaling or Norm"):
        extract_network(model)


def test_rescalings_of_the_image_are_composed():
    network = extract_network(nested())
    np.testing.assert_allclose(network.scale, [0.05, 0.1, 0.15], rtol=1e-6)
    np.testing.assert_allclose(network.offset, 0.25, rtol=1e-6)


def test_float32_copy_of_a_mixed_model_is_what_is_extracted(rng):
    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = randomise(BUILDERS["vgg5"](), rng)
    keras.config.set_dtype_policy("float32")
    images = rng.random((4, *SHAPE), np.float32)
    logits = rebuild(extract_network(mixed))(images)
    probs = build_float32(mixed)(images, training=False)
    np.testing.assert_allclose(keras.ops.softmax(logits), probs, atol=1e-5)
    coarse = mixed(images, training=False)
    assert np.abs(coarse - probs).max() > 1e-4


def ending_in(*layers):
    return keras.Sequential([keras.Input(SHAPE), *layers])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda: ending_in(keras.layers.LayerNormalization(name="norm"), DENSE(2)),
            "Layer 'norm' is a LayerNormalization",
        ),
        (
            lambda: ending_in(keras.layers.UnitNormalization(name="unit"), DENSE(2)),
            "Layer 'unit' is a UnitNormalization",
        ),
        (
            lambda: ending_in(
                keras.layers.Flatten(), keras.layers.Rescaling(2.0, name="late")
            ),
            "Layer 'late' is a Rescaling",
        ),
        (
            lambda: ending_in(keras.layers.Conv2D(3, 3, groups=3, name="grouped")),
            r"'grouped' \(Conv2D\) has groups=3; expected 1",
        ),
        (
            lambda: ending_in(DENSE(2, activation=keras.ops.sin, name="own")),
            r"'own' \(Dense\) has the activation .*; expected one of: elu",
        ),
        (
            lambda: ending_in(keras.layers.Flatten(), DENSE(2, activation="sigmoid")),
            "ends in a Dense layer with softmax.*activation='sigmoid'",
        ),
        (
            lambda: ending_in(keras.layers.Flatten(), DENSE(2)),
            "ends in a Dense layer with softmax",
        ),
        (
            lambda: ending_in(DENSE(2), keras.layers.GlobalMaxPooling2D()),
            "ends in a Dense layer with softmax.*GlobalMaxPooling2D",
        ),
        (masked, "one input and one output. .*'classifier' with 2 and 1"),
    ],
)
def test_other_models_are_refused_by_name(model, message):
    with pytest.raises(InputError, match=message):
        extract_network(model())


def test_operation_that_is_no_layer_is_named():
    image = keras.Input(SHAPE)
    x = DENSE(2, activation="softmax")(keras.layers.Flatten()(keras.ops.abs(image)))
    with pytest.raises(InputError, match="is a Absolute"):
        extract_network(keras.Model(image, x))


def test_a_model_of_operations_has_a_copy_in_float32(rng):
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(SHAPE[-1], 3, padding="same")(image / 255.0)
    x = keras.layers.GlobalMaxPooling2D()(keras.ops.relu(x + image))
    model = keras.Model(image, DENSE(2, activation="softmax")(x))
    images = rng.random((3, *SHAPE), np.float32)
    copy = build_float32(model)
    np.testing.assert_allclose(copy(images), model(images), rtol=1e-6)


def test_a_model_of_a_thousand_layers_is_read_to_its_end():
    layers = [keras.layers.ReLU() for _ in range(800)]
    model = keras.Sequential([keras.Input(SHAPE), *layers, keras.layers.Flatten()])
    model.add(DENSE(2, activation="softmax"))
    assert len(extract_network(model).layers) == 802


def test_subclassed_model_is_refused():
    class Own(keras.Model):
        def call(self, image):
            return image

    with pytest.raises(InputError, match="functional or Sequential.*Own"):
        extract_network(Own())
