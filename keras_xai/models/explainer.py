"""The U-path explainer of the joint model: image in, mask out."""

from collections.abc import Sequence
from typing import Literal

import keras


def build_explainer(
    image_shape: tuple[int, int, int],
    *,
    filters: Sequence[int] = (32, 64, 128),
    init_bias: float = 0.0,
    init_gain: float = 1.0,
    batch_norm_momentum: float | None = 0.99,
    mask_activation: Literal["relu_tanh", "sigmoid"] = "relu_tanh",
    upsampling: Literal["transpose", "bilinear"] = "transpose",
    kernel_initializer: str = "glorot_uniform",
    mask_kernel_initializer: str = "glorot_uniform",
) -> keras.Model:
    """Builds the explainer: a down path, an up path and a one-channel mask head.

    Each down stage is conv-conv-pool. Each up stage is upsample, sum with the second
    convolution of the same down stage, conv-conv. The head is a 1x1 convolution,
    batch normalisation and an activation, in float32 whatever the dtype policy.

    Args:
        image_shape: `(height, width, channels)`; height and width must be divisible by
            `2 ** len(filters)`.
        filters: number of filters of each stage, from the image downwards.
        init_bias: initial beta of the head's batch normalisation, or the bias of its
            convolution without one. 0 is the 2019 reading; 3 starts from a nearly
            white mask, as in the 2020 follow-up.
        init_gain: initial gamma of that normalisation. At 1, thin lines stand four
            deviations out, where tanh is flat and nothing tells one from another.
        batch_norm_momentum: momentum of the head's moving statistics; None leaves the
            normalisation out.
        mask_activation: "relu_tanh" for ReLU of tanh (the authors' code; the paper
            does not say), "sigmoid" for a head whose gradient never dies.
        upsampling: "transpose" for a 2x2 transposed convolution of stride 2 (the
            paper's deconvolution), "bilinear" for bilinear upsampling and a 3x3
            convolution, which leaves no checkerboard.
        kernel_initializer: initializer of the ReLU convolutions.
        mask_kernel_initializer: initializer of the head's convolution. "ones" starts
            from a mask that is bright where features are strong, instead of from a
            random one, "zeros" from a flat one.

    Returns:
        A model from `image`, `(batch, height, width, channels)` float32, to `mask`,
        `(batch, height, width, 1)` float32 in [0, 1].

    Raises:
        ValueError: if the image cannot be halved `len(filters)` times.

    Reference:
        [IbPRIA19] Sec. 2.1, Fig. 2.
    """
    check_divisible(image_shape, len(filters), "filters")

    def conv(x: keras.KerasTensor, num_filters: int, name: str) -> keras.KerasTensor:
        return keras.layers.Conv2D(
            num_filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer=kernel_initializer,
            name=name,
        )(x)

    image = keras.Input(image_shape, name="image")
    x = image
    skips = []
    for stage, num_filters in enumerate(filters, start=1):
        x = conv(x, num_filters, f"down{stage}_conv1")
        x = conv(x, num_filters, f"down{stage}_conv2")
        skips.append(x)
        x = keras.layers.MaxPooling2D(2, name=f"down{stage}_pool")(x)

    for stage in range(len(filters), 0, -1):
        num_filters = filters[stage - 1]
        if upsampling == "transpose":
            x = keras.layers.Conv2DTranspose(
                num_filters, 2, strides=2, name=f"up{stage}_upsample"
            )(x)
        elif upsampling == "bilinear":
            x = keras.layers.Conv2D(
                num_filters, 3, padding="same", name=f"up{stage}_project"
            )(x)
            x = keras.layers.UpSampling2D(
                2, interpolation="bilinear", name=f"up{stage}_upsample"
            )(x)
        else:
            raise ValueError(
                "Invalid value for `upsampling`. Expected 'transpose' or 'bilinear'. "
                f"Received: upsampling={upsampling!r}"
            )
        x = keras.layers.Add(name=f"up{stage}_sum")([x, skips[stage - 1]])
        x = conv(x, num_filters, f"up{stage}_conv1")
        x = conv(x, num_filters, f"up{stage}_conv2")

    bias = keras.initializers.Constant(init_bias)
    x = keras.layers.Conv2D(
        1,
        1,
        kernel_initializer=mask_kernel_initializer,
        bias_initializer=bias if batch_norm_momentum is None else "zeros",
        dtype="float32",
        name="mask_conv",
    )(x)
    if batch_norm_momentum is not None:
        x = keras.layers.BatchNormalization(
            momentum=batch_norm_momentum,
            beta_initializer=bias,
            gamma_initializer=keras.initializers.Constant(init_gain),
            dtype="float32",
            name="mask_norm",
        )(x)
    if mask_activation == "relu_tanh":
        x = keras.layers.Activation("tanh", dtype="float32", name="mask_tanh")(x)
        mask = keras.layers.Activation("relu", dtype="float32", name="mask")(x)
    elif mask_activation == "sigmoid":
        mask = keras.layers.Activation("sigmoid", dtype="float32", name="mask")(x)
    else:
        raise ValueError(
            "Invalid value for `mask_activation`. Expected 'relu_tanh' or 'sigmoid'. "
            f"Received: mask_activation={mask_activation!r}"
        )
    return keras.Model(image, mask, name="explainer")


def check_divisible(
    image_shape: tuple[int, int, int], num_halvings: int, argument: str
) -> None:
    """Raises a ValueError unless height and width can be halved `num_halvings` times.

    Args:
        image_shape: `(height, width, channels)`.
        num_halvings: number of 2x2 poolings.
        argument: name of the argument that sets the number of stages, for the message.
    """
    height, width, _ = image_shape
    factor = 2**num_halvings
    if height % factor or width % factor:
        raise ValueError(
            "Invalid value for `image_shape`. Expected a height and width divisible by "
            f"{factor}, because `{argument}` has {num_halvings} stages that each halve "
            f"the image. Received: image_shape={tuple(image_shape)}"
        )
