"""Stands in for the package of Gunicorn's dirty workers."""

from tsunicorn import stash

__all__ = ["stash"]
