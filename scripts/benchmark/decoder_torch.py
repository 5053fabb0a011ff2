"""Measures training of VGG-5 and of a decoder beside plain PyTorch on the same CPU.

Images a second, of 32×32 grey random images. PyTorch has the same networks, batch size
and optimizer, channels last, in float32 and in bfloat16 autocast; Keras trains through
`keras_xai.training.decoding`. Each runs in a process of its own, one after the other,
and the first epoch, which compiles, is not counted.

    pip install torch --index-url https://download.pytorch.org/whl/cpu
    python scripts/benchmark/decoder_torch.py [--num-images 20000] [--batch-size 128]
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable

import numpy as np

SHAPE, NUM_CLASSES, CODE_UNITS, EPOCHS = (32, 32, 1), 10, 10, 3
Rate = Callable[[str, str, int, int], float]


def make_data(num_images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws images, labels and codes."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (num_images, *SHAPE), dtype=np.uint8)
    labels = rng.integers(0, NUM_CLASSES, num_images, dtype=np.int32)
    return images, labels, rng.random((num_images, CODE_UNITS), np.float32)


def measure_keras(task: str, precision: str, num_images: int, batch_size: int) -> float:
    """Images a second of `keras_xai`."""
    import keras

    from keras_xai.models.decoder import build_decoder
    from keras_xai.models.vgg5 import build_vgg5
    from keras_xai.training.decoding import fit_classifier, fit_decoder
    from keras_xai.training.decoding_config import DecodingConfig

    keras.config.set_dtype_policy(precision)
    images, labels, codes = make_data(num_images)
    config = DecodingConfig(epochs=EPOCHS, batch_size=batch_size)
    ends: list[float] = []
    options = {"seed": 0, "report": lambda row: ends.append(time.perf_counter())}
    if task == "VGG-5":
        vgg5 = build_vgg5(SHAPE, NUM_CLASSES)
        fit_classifier(vgg5, images, labels, config, **options)
    else:
        decoder = build_decoder((CODE_UNITS,), SHAPE)
        fit_decoder(decoder, codes, images, config, **options)
    return num_images * (EPOCHS - 1) / (ends[-1] - ends[0])


def measure_torch(task: str, precision: str, num_images: int, batch_size: int) -> float:
    """Images a second of the straightforward PyTorch program."""
    import torch
    from torch import nn

    images, labels, codes = map(torch.from_numpy, make_data(num_images))
    images = images.permute(0, 3, 1, 2).float() / 255
    images = images.contiguous(memory_format=torch.channels_last)
    if task == "VGG-5":
        network, inputs, targets = _torch_vgg5(nn), images, labels.long()
        loss_function = nn.CrossEntropyLoss()
    else:
        network, inputs, targets = _torch_decoder(nn), codes, images

        def loss_function(outputs, targets):
            return (outputs - targets).square().sum() / len(targets)

    network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    is_mixed = precision == "mixed_bfloat16"
    for epoch in range(EPOCHS):
        if epoch == 1:
            start = time.perf_counter()
        order = torch.randperm(num_images)
        for batch in order.split(batch_size):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
                outputs = network(inputs[batch])
            loss_function(outputs.float(), targets[batch]).backward()
            optimizer.step()
    return num_images * (EPOCHS - 1) / (time.perf_counter() - start)


def _torch_vgg5(nn):
    layers, channels = [], SHAPE[-1]
    for filters in (32, 64, 128, 256, 512):
        layers += [nn.Conv2d(channels, filters, 3, padding=1)]
        layers += [nn.MaxPool2d(2), nn.ReLU()]
        channels = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels, NUM_CLASSES))


def _torch_decoder(nn):
    layers = [nn.Linear(CODE_UNITS, 512), nn.ReLU(), nn.Unflatten(1, (512, 1, 1))]
    channels = 512
    for filters in (256, 128, 64, 32):
        layers += [_torch_doubling(nn, channels, filters), nn.ReLU()]
        channels = filters
    return nn.Sequential(*layers, _torch_doubling(nn, channels, 1), nn.Sigmoid())


def _torch_doubling(nn, channels: int, filters: int):
    return nn.ConvTranspose2d(
        channels, filters, 5, stride=2, padding=2, output_padding=1
    )


def _send(measure: Rate, arguments: tuple, connection) -> None:
    connection.send(measure(*arguments))


def measure_alone(measure: Rate, *arguments) -> float:
    """Runs a measurement in a fresh process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(measure, arguments, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        process.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-images", type=int, default=20_000)
    parser.add_argument("--batch-size", type=int, default=128)
    args = parser.parse_args()
    try:
        import torch  # noqa: F401
    except ImportError:
        raise SystemExit(
            "PyTorch is not installed: pip install torch "
            "--index-url https://download.pytorch.org/whl/cpu"
        ) from None
    for task in ("VGG-5", "decoder"):
        for precision in ("float32", "mixed_bfloat16"):
            sizes = (args.num_images, args.batch_size)
            ours = measure_alone(measure_keras, task, precision, *sizes)
            theirs = measure_alone(measure_torch, task, precision, *sizes)
            print(
                f"{task:8} {precision:14} keras_xai {ours:6.0f}, PyTorch {theirs:6.0f} "
                f"images a second: {ours / theirs:.2f} ×"
            )
