"""Image files, decoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from keras_xai.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def read_image(
    path: Path, num_channels: int, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Decodes one image file.

    An image with an EXIF orientation is turned upright, transparency is laid on white,
    and 16-bit grey is scaled to 8 bits.

    Args:
        path: the file.
        num_channels: 1 for grey, 3 for RGB; the file is converted.
        size: `(height, width)` to resize to, or None for the file's own.

    Returns:
        `(height, width, num_channels)` uint8.

    Raises:
        InputError: if the file is missing, no image, truncated, animated, or of more
            than 16 bits a value.
    """
    with open_image(path) as file:
        image = _convert(path, ImageOps.exif_transpose(file), num_channels)
    if size is not None and (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(image.height, image.width, num_channels)


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Opens an image file; its pixels are decoded when they are used.

    Raises:
        InputError: if the file is missing, no image, animated, or turns out truncated.
    """
    try:
        with Image.open(path) as file:
            num_frames = getattr(file, "n_frames", 1)
            if num_frames > 1:
                raise InputError(
                    f"{path} has {num_frames} frames; expected a single image."
                )
            yield file
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected an image file.") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} cannot be decoded; expected a whole image file. Received: {error}"
        ) from None


def _convert(path: Path, image: Image.Image, num_channels: int) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image, np.uint32) // 257).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise InputError(
            f"{path} has 32 bits a value (mode {image.mode}); expected 8 or 16."
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("L" if num_channels == 1 else "RGB")


def list_images(folder: Path) -> list[Path]:
    """Lists a folder's image files by name.

    Raises:
        InputError: if the folder is missing or holds no image file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist; expected a folder of images.")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise InputError(
            f"{folder} holds no image; expected files ending in "
            f"{', '.join(IMAGE_SUFFIXES)}."
        )
    return paths
