"""Image files: decoded, found, written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from keras_xai.errors import InputError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def read_image(
    path: Path, num_channels: int, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Decodes one image file.

    An image with an EXIF orientation is turned upright, transparency is laid on white,
    and 16-bit grey is scaled to 8 bits. Of a camera's JPEG with further pictures in it,
    such as a preview (MPO), the first is the photograph.

    Args:
        path: the file.
        num_channels: 1 for grey, 3 for RGB; the file is converted.
        size: `(height, width)` to resize to, or None for the file's own.

    Returns:
        `(height, width, num_channels)` uint8.

    Raises:
        InputError: if the file is missing, no image, broken, animated, of more than 16
            bits a value, or of colours that cannot be converted.
    """
    with open_image(path) as file:
        image = _convert(path, ImageOps.exif_transpose(file), num_channels)
    return _resize(image, num_channels, size)


def fit_image(
    pixels: np.ndarray, num_channels: int, size: tuple[int, int] | None = None
) -> np.ndarray:
    """Converts and resizes an image as `read_image` does that of a file.

    Args:
        pixels: `(height, width, 1 or 3)` uint8.
        num_channels: 1 for grey, 3 for RGB.
        size: `(height, width)` to resize to, or None for its own.

    Returns:
        `(height, width, num_channels)` uint8.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return _resize(
        image.convert("L" if num_channels == 1 else "RGB"), num_channels, size
    )


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Opens an image file; its pixels are decoded when they are used.

    Raises:
        InputError: if the file is missing, no image, animated, or turns out broken.
    """
    try:
        with Image.open(path) as file:
            num_frames = getattr(file, "n_frames", 1)
            if num_frames > 1 and file.format != "MPO":
                raise InputError(
                    f"{path} has {num_frames} frames; expected a single image."
                )
            yield file
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; expected an image file.") from None
    except InputError:
        raise
    except (  # SyntaxError: a chunk of a PNG; ValueError: its text, or colours
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
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


def _resize(
    image: Image.Image, num_channels: int, size: tuple[int, int] | None
) -> np.ndarray:
    if size is not None and (image.height, image.width) != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(image.height, image.width, num_channels)


def list_folders(folder: Path) -> list[Path]:
    """Lists the folders in a folder by name, without hidden ones."""
    return sorted(
        p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")
    )


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes a picture; its folder is made.

    Args:
        path: the file.
        image: `(height, width, 1)` or `(height, width, 3)` uint8 RGB.
    """
    _, png = cv2.imencode(".png", image[..., ::-1])  # OpenCV's order is BGR
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png.tobytes())


def list_images(folder: Path) -> list[Path]:
    """Lists a folder's image files by name, hidden ones left out.

    Raises:
        InputError: if the folder is missing or holds no image file.
    """
    return _check_found(_images_in(folder), folder)


def list_images_below(folder: Path) -> list[Path]:
    """Lists a folder's image files or, if it has none, those of its folders likewise.

    Hidden files and folders are left out.

    Raises:
        InputError: if the folder is missing or there is no image file.
    """

    def visit(folder: Path, above: frozenset[Path]) -> list[Path]:
        if folder.resolve() in above:  # a link upwards
            return []
        above |= {folder.resolve()}
        return _images_in(folder) or [
            path for inner in list_folders(folder) for path in visit(inner, above)
        ]

    return _check_found(visit(folder, frozenset()), folder)


def _images_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {what}; expected a folder of images.")
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )
    for path in paths:
        try:
            path.name.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"{folder} holds a file whose name is no UTF-8; expected another name. "
                f"Received: {ascii(path.name)}"
            ) from None
    return paths


def _check_found(paths: list[Path], folder: Path) -> list[Path]:
    if not paths:
        raise InputError(
            f"{folder} holds no image; expected files ending in "
            f"{', '.join(IMAGE_SUFFIXES)}."
        )
    return paths
