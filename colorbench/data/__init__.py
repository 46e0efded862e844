"""Find photos, decode them once into a memory-mapped uint8 store, split them by content, load them onto the device."""

from colorbench.data.load import Photos, Report, load_dataset_photos, load_protocol_photos
from colorbench.data.loader import PhotoLoader
from colorbench.data.photoset import PhotoSet
from colorbench.data.sources import Found, Source
from colorbench.data.table import DATASETS, DatasetRow

__all__ = [
    "DATASETS",
    "DatasetRow",
    "Found",
    "PhotoLoader",
    "PhotoSet",
    "Photos",
    "Report",
    "Source",
    "load_dataset_photos",
    "load_protocol_photos",
]
