"""Stands in for the module of Gunicorn's base class."""

from tsunicorn import DirtyApp

__all__ = ["DirtyApp"]
