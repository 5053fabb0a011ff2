"""The second paper's graphs: what a decoder is trained on, and what it explains."""

import keras

from keras_xai.models.cloning import clone_unfrozen


def build_cladec(decoder: keras.Model, classifier: keras.Model) -> keras.Model:
    """Joins a decoder to the classifier that judges its reconstructions.

    It starts from the code, so that a code computed once serves every epoch. Gradients
    pass through the classifier, but its weights are none of this graph's, and dropout
    and batch normalisation in it work as in prediction, even during `fit`.

    Args:
        decoder: a model from `build_decoder`.
        classifier: from images in [0, 1] to probabilities; stays as it is.

    Returns:
        A model from `code` to a dict of `reconstruction`, `(batch, height, width,
        channels)` float32 in [0, 1], and `probs`, `(batch, num_classes)` float32, the
        classifier's answer to the reconstruction.

    Reference:
        [IDA21] Sec. 2, Fig. 2, Eq. 1.
    """
    reconstruction = decoder.output
    # Called directly, it would be given `fit`'s training=True in spite of this False.
    frozen = keras.layers.Lambda(
        lambda images: classifier(images, training=False),
        dtype="float32",
        name="frozen_classifier",
    )
    probs = frozen(reconstruction)
    return keras.Model(
        decoder.input,
        {"reconstruction": reconstruction, "probs": probs},
        name="cladec",
    )


def build_autoencoder(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Joins an encoder and a decoder: what explains an image.

    Args:
        encoder: a model from `build_encoder`.
        decoder: a model from `build_decoder` for its code.

    Returns:
        A model from images in [0, 1] to `reconstruction`, sharing all weights.

    Reference:
        [IDA21] Sec. 2, Fig. 1.
    """
    image = keras.Input(encoder.input_shape[1:], name="image")
    return keras.Model(image, decoder(encoder(image)), name="autoencoder")


def build_ref_ae(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """Builds RefAE: the same architecture, with fresh weights in every layer.

    Layers that are frozen in the classifier, such as those of a pretrained backbone,
    learn here. `Normalization` layers keep what they were adapted to.

    Args:
        encoder: a model from `build_encoder`.
        decoder: a model from `build_decoder` for its code.

    Returns:
        A model as from `build_autoencoder` that shares nothing with either.

    Reference:
        [IDA21] Sec. 2: "It differs only in the training process and the objective".
    """
    fresh_encoder = clone_unfrozen(encoder)
    return build_autoencoder(fresh_encoder, keras.models.clone_model(decoder))
