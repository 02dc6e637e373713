from portal.cloud.models.cloud import Cloud, CloudProject, CloudProjectPurpose
from portal.cloud.models.inventory import Flavor, Image, VolumeType
from portal.cloud.models.secret import Secret

__all__ = [
    "Cloud",
    "CloudProject",
    "CloudProjectPurpose",
    "Flavor",
    "Image",
    "Secret",
    "VolumeType",
]
