"""Measures the polygon generator: images a second, and peak memory.

Images are 224×224 RGB with 3 to 9 shapes; each comes with its annotation and mask.
The rate includes the start of the workers, about 0.3 s, and the creation of three
files an image in the temporary folder: TMPDIR=/dev/shm takes the disk out of it. Memory
is that of sets of 32×32 images.

    TMPDIR=/dev/shm python scripts/benchmark/generator.py [--num-images 16000] [--large]
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from data_gen.config import PolygonConfig
from data_gen.generate import generate

SMALL = {"image_size": 32, "min_radius": 4.0, "max_radius": 8.0, "max_shapes": 5}


def measure_rate(num_images: int, workers: int) -> float:
    """Images a second, the start of the workers included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        generate(
            PolygonConfig(num_images=num_images), Path(folder, "set"), workers=workers
        )
        return num_images / (time.perf_counter() - start)


def measure_memory(num_images: int) -> None:
    """Prints the peak memory of this process and of the largest worker."""
    with tempfile.TemporaryDirectory() as folder:
        config = PolygonConfig(num_images=num_images, **SMALL)
        generate(config, Path(folder, "set"), workers=2)
        own, worker = (
            resource.getrusage(who).ru_maxrss / 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
    print(f"{num_images} small images: {own:.0f} MB, {worker:.0f} MB a worker")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-images", type=int, default=16000)
    parser.add_argument(
        "--large", action="store_true", help="also 100,000 small images"
    )
    args = parser.parse_args()
    for workers in (1, 2):
        rate = measure_rate(args.num_images, workers)
        print(f"{workers} workers: {rate:.0f} images a second")
    for num_images in (1000, 100_000)[: 1 + args.large]:
        process = multiprocessing.get_context("spawn").Process(
            target=measure_memory, args=(num_images,)
        )
        process.start()
        process.join()
