"""The version of the installed distribution."""

from importlib import metadata


def technic_version() -> str:
    """Return the version, such as 0.1.0."""
    return metadata.version("technic")
