"""Image files, decoded."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from keras_xai.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def read_image(
    path: Path, num_channels: int, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Decodes one image file.

    Args:
        path: the file.
        num_channels: 1 for grey, 3 for RGB; the file is converted.
        size: `(height, width)` to resize to, or None for the file's own.

    Returns:
        `(height, width, num_channels)` uint8.

    Raises:
        InputError: if the file is missing, no image, or truncated.
    """
    try:
        with Image.open(path) as file:
            image = file.convert("L" if num_channels == 1 else "RGB")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected an image file.") from None
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{path} cannot be decoded; expected a whole image file. Received: {error}"
        ) from None
    if size is not None and (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(image.height, image.width, num_channels)


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
