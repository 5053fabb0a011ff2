"""The second paper's trainings: ClaDec, RefAE, and the classifiers around them.

Adam, images in [0, 1], squared error summed over pixels; batch size and learning rate
are not in the paper. `paper` has its 64 epochs, `quick` a quarter of them, for which
`reproduce` takes fewer images; what was measured with how many is in
results/cladec/tables.md.

    keras-xai reproduce cladec

Expect of Fashion-MNIST and VGG-5 that RefAE reconstructs better than ClaDec, the more
so the closer the layer is to the output.

Reference: [IDA21] Sec. 5.
"""

from keras_xai.training.decoding_config import DecodingConfig


def get_config(profile: str = "paper") -> DecodingConfig:
    """Returns the config of a profile."""
    if profile == "smoke":
        return DecodingConfig(epochs=1, batch_size=32, decoder_filters=2)
    return DecodingConfig(epochs={"quick": 16, "paper": 64}[profile])
