import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_xai.models import resnet10, vgg5
from keras_xai.models.cladec import build_autoencoder, build_cladec, build_ref_ae
from keras_xai.models.classifier import build_classifier
from keras_xai.models.decoder import build_decoder, halve_sizes
from keras_xai.models.image_classifier import build_image_classifier
from keras_xai.models.resnet10 import build_resnet10
from keras_xai.models.taps import build_encoder, keep_units
from keras_xai.models.vgg5 import build_vgg5

SHAPE = (12, 12, 1)
pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture
def images(rng):
    return rng.random((4, *SHAPE), np.float32)


def tiny_vgg(shape=SHAPE, **options):
    return build_vgg5(shape, 3, filters=(2, 3, 3, 4, 5), **options)


def by_hand(layers, x):
    for layer in layers:
        x = layer(x)
    return np.asarray(x)


def test_parameter_counts_at_the_papers_size():
    vgg = build_vgg5((32, 32, 1), 10)
    convs = [(1, 32), (32, 64), (64, 128), (128, 256), (256, 512)]
    expected = sum(9 * a * b + b for a, b in convs) + 512 * 10 + 10
    assert vgg.count_params() == expected == 1_573_130
    assert build_resnet10((32, 32, 1), 10).count_params() == 1_231_274
    doublings = [(512, 256), (256, 128), (128, 64), (64, 32), (32, 1)]
    taps = [4, 25, 25, 25, 25]  # of the first 5x5 kernel only 2x2 reach an output
    parameters = [n * a * b + b for n, (a, b) in zip(taps, doublings, strict=True)]
    counts = {(10,): sum(parameters) + 11 * 512, (1, 1, 512): sum(parameters)}
    counts |= {(2, 2, 256): sum(parameters[1:]), (8, 8, 64): sum(parameters[3:])}
    for code_shape, count in counts.items():
        assert build_decoder(code_shape, (32, 32, 1)).count_params() == count


def test_papers_layers_have_the_papers_shapes():
    vgg = build_vgg5((32, 32, 1), 10)
    shapes = {k: vgg.get_layer(n).output.shape for k, n in vgg5.PAPER_LAYERS.items()}
    assert shapes == {
        -1: (None, 10),
        -2: (None, 1, 1, 512),
        -3: (None, 2, 2, 256),
        -4: (None, 4, 4, 128),
        -5: (None, 8, 8, 64),
    }
    resnet = build_resnet10((32, 32, 1), 10)
    for name in resnet10.PAPER_LAYERS.values():
        assert resnet.get_layer(name)
    convs = [x for x in resnet.layers if isinstance(x, keras.layers.Conv2D)]
    assert len([x for x in convs if "shortcut" not in x.name]) == 9  # and one dense


@pytest.mark.parametrize("batch_norm", [False, True])
def test_vgg5_names_and_probabilities(batch_norm, images):
    vgg = tiny_vgg(batch_norm=batch_norm)
    for name in ("block1_conv", "block5", "features", "logits", "probs"):
        assert vgg.get_layer(name)
    np.testing.assert_allclose(np.sum(vgg(images), axis=1), 1, rtol=1e-5)
    has_norm = any("norm" in layer.name for layer in vgg.layers)
    assert has_norm == batch_norm


@pytest.mark.parametrize("batch_norm", [False, True])
def test_vgg5_is_that_of_the_textbook_which_pools_after_relu(batch_norm, images):
    vgg = tiny_vgg(batch_norm=batch_norm)
    x = vgg.input
    for layer in vgg.layers[1:]:
        if isinstance(layer, keras.layers.MaxPooling2D):
            x = keras.ops.relu(x)
        is_relu = layer.name in ("block1", "block2", "block3", "block4", "block5")
        x = x if is_relu else layer(x)
    textbook = keras.Model(vgg.input, x)
    gradients = []
    for model in (vgg, textbook):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(images)[:, 0])
        weights = [weight.value for weight in model.trainable_weights]
        gradients.append([loss, *tape.gradient(loss, weights)])
    for found, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("build", [build_vgg5, build_resnet10])
def test_one_class_is_refused(build):
    with pytest.raises(ValueError, match="num_classes=1"):
        build(SHAPE, 1)


@pytest.mark.parametrize("size", [7, 28, 30, 33, 64])
def test_decoder_has_the_images_size_for_every_code(size):
    image_shape = (size, size + 3, 3)
    codes = [(*s, 2) for s in halve_sizes(size, size + 3)]
    codes += [(5,), (5, 4, 2), (size - 2, size - 2, 2)]
    for code_shape in codes:
        decoder = build_decoder(code_shape, image_shape, filters=1)
        assert decoder.output_shape == (None, *image_shape), code_shape


def test_lower_layers_need_fewer_doublings():
    def count(code_shape):
        decoder = build_decoder(code_shape, (32, 32, 1), filters=1)
        return sum(layer.name.startswith("up") for layer in decoder.layers)

    codes = [(10,), (1, 1, 8), (2, 2, 8), (8, 8, 8), (32, 32, 8)]
    assert [count(code) for code in codes] == [5, 5, 4, 2, 0]


def test_a_doubling_drops_what_an_odd_size_lacks():
    """A pooling of 5 pixels to 3 pads at the end; the decoder crops there."""
    decoder = build_decoder((3, 3, 1), (5, 5, 1))
    up = decoder.get_layer("up1")
    whole = np.asarray(up(np.ones((1, 3, 3, 1), np.float32)))
    assert whole.shape == (1, 6, 6, 1)
    cropped = np.asarray(decoder(np.ones((1, 3, 3, 1), np.float32)))
    np.testing.assert_allclose(cropped, 1 / (1 + np.exp(-whole[:, :5, :5])), rtol=1e-5)


def test_the_doubling_of_a_pixel_is_a_transposed_convolution(rng):
    decoder = build_decoder((1, 1, 6), (2, 2, 3))
    up = decoder.get_layer("up1")
    conv = keras.layers.Conv2DTranspose(3, 5, strides=2, padding="same")
    pixel = rng.normal(size=(4, 1, 1, 6)).astype(np.float32)
    expected = conv(pixel)
    limit = np.sqrt(6 / (25 * (6 + 3)))  # Glorot uniform's for the whole kernel
    kernel, bias = np.asarray(up.kernel), rng.normal(size=3)
    assert 0.8 * limit < np.max(np.abs(kernel)) <= limit
    whole, _ = conv.get_weights()
    assert limit * 0.9 < np.max(np.abs(whole)) <= limit * 1.0001
    up.set_weights([whole[1:3, 1:3].transpose(3, 0, 1, 2)[None, None], bias])
    np.testing.assert_allclose(up(pixel), expected + bias, rtol=1e-4, atol=1e-6)


def test_decoder_ends_in_float32_whatever_the_policy(rng):
    keras.config.set_dtype_policy("mixed_bfloat16")
    decoder = build_decoder((4,), (8, 8, 1), filters=1)
    image = decoder(rng.normal(size=(2, 4)) * 1e3)
    assert image.dtype == "float32"
    assert 0 <= float(keras.ops.min(image)) and float(keras.ops.max(image)) <= 1


@pytest.mark.parametrize("code_shape", [(), (3, 4), (None, None, 3), (13, 2, 1)])
def test_decoder_refuses_what_is_no_code(code_shape):
    with pytest.raises(ValueError, match="Invalid value for `code_shape`"):
        build_decoder(code_shape, SHAPE)


def test_tap_of_functional_model(images):
    vgg = tiny_vgg(batch_norm=True)
    encoder = build_encoder(vgg, "block2")
    layers = vgg.layers[1 : vgg.layers.index(vgg.get_layer("block2")) + 1]
    np.testing.assert_array_equal(encoder(images), by_hand(layers, images))
    assert {id(w) for w in encoder.weights} <= {id(w) for w in vgg.weights}


def build_sequential(name="backbone"):
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(2, 3, activation="relu", name="conv"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, activation="softmax", name="top"),
        ],
        name=name,
    )


def test_tap_of_sequential_model(images):
    model = build_sequential()
    encoder = build_encoder(model, "conv")
    np.testing.assert_array_equal(encoder(images), by_hand(model.layers[:1], images))
    assert encoder.output_shape == (None, 10, 10, 2)


def test_tap_inside_a_nested_backbone(images):
    backbone = build_sequential()
    image = keras.Input(SHAPE)
    x = backbone(1 - image)
    model = keras.Model(image, keras.layers.Dense(2, "softmax", name="head")(x))
    inner = build_encoder(model, "conv")
    expected = by_hand(backbone.layers[:1], 1 - images)
    np.testing.assert_array_equal(inner(images), expected)
    outer = build_encoder(model, "backbone")
    np.testing.assert_array_equal(outer(images), backbone(1 - images))


def test_tap_of_a_model_with_two_inputs(images):
    two = build_classifier(SHAPE, 3, filters=(2, 2), dense_units=(4,))
    classifier = build_image_classifier(two, SHAPE, constants={"mask": 0.5})
    mask = np.full((4, *SHAPE), 0.5, np.float32)
    inputs = {"image": images, "mask": mask}
    np.testing.assert_array_equal(classifier(images), two(inputs))
    encoder = build_encoder(classifier, "block2_mask")
    expected = build_encoder(two, "block2_mask")(inputs)
    np.testing.assert_array_equal(encoder(images), expected)


def test_outer_layers_go_before_inner_ones_of_the_same_name(images):
    image = keras.Input(SHAPE)
    x = build_sequential()(image)
    model = keras.Model(image, keras.layers.Dense(5, name="top")(x))
    assert build_encoder(model, "top").output_shape == (None, 5)


def test_wrong_layers_are_refused_and_the_right_ones_listed():
    model = build_sequential()
    with pytest.raises(ValueError, match="Expected one of: conv, flat, top. Received"):
        build_encoder(model, "fc9")
    shared = keras.layers.Dense(2, name="shared")
    flat = keras.Input((2,))
    twice = keras.Model(flat, shared(shared(flat)))
    with pytest.raises(ValueError, match="used once"):
        build_encoder(twice, "shared")

    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match="a Subclassed named 'mine'"):
        build_encoder(Subclassed(name="mine"), "conv")


def test_kept_units_stay_and_the_others_are_zero(images):
    encoder = build_encoder(tiny_vgg(), "block2")
    masked = np.asarray(keep_units(encoder, (0, 2))(images))
    np.testing.assert_array_equal(masked[..., [0, 2]], encoder(images)[..., ::2])
    assert not masked[..., 1].any()
    with pytest.raises(ValueError, match="some of 0 to 2"):
        keep_units(encoder, (3,))


@pytest.mark.parametrize("input_range", [(1, 1), (0, float("inf")), (float("nan"), 1)])
def test_a_range_that_leaves_nothing_to_see_is_refused(input_range):
    image = keras.Input((1, 1, 1))
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.Flatten()(image)))
    with pytest.raises(
        ValueError, match="`input_range`. Expected two different numbers"
    ):
        build_image_classifier(model, (1, 1, 1), input_range=input_range)


@pytest.mark.parametrize(
    "input_range, expected", [((0, 1), 0.25), ((0, 255), 63.75), ((-1, 1), -0.5)]
)
def test_input_range_is_what_the_model_sees(input_range, expected):
    image = keras.Input((1, 1, 1), name="image")
    x = keras.layers.Flatten()(image)
    model = keras.Model(image, keras.layers.Concatenate()([x, -x]))
    classifier = build_image_classifier(model, (1, 1, 1), input_range=input_range)
    seen = classifier(np.full((1, 1, 1, 1), 0.25, np.float32))
    np.testing.assert_allclose(seen, [[expected, -expected]], rtol=1e-6)


def test_logits_get_a_softmax_and_dict_outputs_their_probs(images):
    image = keras.Input(SHAPE)
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(image))
    model = keras.Model(image, {"probs": logits, "mask": image})
    probs = build_image_classifier(model, SHAPE, from_logits=True)(images)
    np.testing.assert_allclose(
        probs, keras.ops.softmax(model(images)["probs"]), rtol=1e-5
    )


@pytest.mark.parametrize(
    "shape, options, message",
    [
        ((12, 13, 1), {}, r"Expected \(12, 12, 1\), as input 'image' says"),
        ((12, 12, 3), {}, r"Received: image_shape=\(12, 12, 3\)"),
        (SHAPE, {"constants": {"mask": 1.0}}, "for the inputs image"),
    ],
)
def test_images_that_do_not_fit_the_model_are_refused(shape, options, message):
    with pytest.raises(ValueError, match=message):
        build_image_classifier(tiny_vgg(), shape, **options)


def test_models_that_classify_no_image_are_refused():
    vector = keras.Input((7,), name="vector")
    model = keras.Model(vector, keras.layers.Dense(3)(vector))
    with pytest.raises(ValueError, match="Expected an input that is an image"):
        build_image_classifier(model, SHAPE)
    image = keras.Input(SHAPE)
    with pytest.raises(ValueError, match="Expected one output"):
        build_image_classifier(keras.Model(image, image + 1), SHAPE)
    one = keras.layers.Dense(1)(keras.layers.Flatten()(image))
    with pytest.raises(ValueError, match="at least 2 classes"):
        build_image_classifier(keras.Model(image, one), SHAPE)
    two = build_classifier(SHAPE, 3, filters=(2,), dense_units=(4,))
    with pytest.raises(ValueError, match="Received: none for the inputs image, mask"):
        build_image_classifier(two, SHAPE)


def test_cladec_trains_its_decoder_alone(images):
    vgg = tiny_vgg(batch_norm=True)
    encoder = build_encoder(vgg, "block2")
    decoder = build_decoder(encoder.output_shape[1:], SHAPE, filters=2)
    graph = build_cladec(decoder, vgg)
    assert {id(v) for v in graph.trainable_variables} == {
        id(v) for v in decoder.trainable_variables
    }
    outputs = graph(encoder(images))
    assert set(outputs) == {"reconstruction", "probs"}
    np.testing.assert_array_equal(
        outputs["probs"], vgg(outputs["reconstruction"], training=False)
    )
    assert vgg.trainable and not {id(w) for w in graph.weights} & {
        id(w) for w in vgg.weights
    }
    explained = build_autoencoder(encoder, decoder)(images)
    np.testing.assert_array_equal(explained, outputs["reconstruction"])


def test_ref_ae_is_the_same_architecture_with_its_own_weights(images):
    vgg = tiny_vgg(batch_norm=True)
    vgg.trainable = False
    classifier = build_image_classifier(vgg, SHAPE, input_range=(-1, 1))  # nested
    encoder = keep_units(build_encoder(classifier, "block2"), (1,))
    decoder = build_decoder(encoder.output_shape[1:], SHAPE, filters=2)
    ref_ae = build_ref_ae(encoder, decoder)
    mine = [*encoder.weights, *decoder.weights]
    assert [w.shape for w in ref_ae.weights] == [w.shape for w in mine]
    assert not encoder.trainable_variables
    assert not {id(w) for w in ref_ae.weights} & {id(w) for w in mine}
    assert len(ref_ae.trainable_variables) == len(ref_ae.weights) - 4  # BN statistics
    kernel = next(w for w in ref_ae.weights if len(w.shape) == 4)
    assert not np.array_equal(kernel, vgg.get_layer("block1_conv").kernel)
    assert ref_ae(images).shape == images.shape
