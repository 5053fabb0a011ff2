"""A set of polygons that takes no time, and what its folder holds."""

from data_gen.config import PolygonConfig
from data_gen.generate import generate

SMALL = PolygonConfig(
    num_images=24, image_size=48, max_radius=9.0, occlusion=True, max_shapes=5, seed=7
)


def generate_quietly(config, folder, **options):
    return generate(config, folder, **{"workers": 1, "progress": False, **options})


def read_files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_list(folder, name):
    return (folder / "ImageSets/Main" / name).read_text().splitlines()
