"""Stands in for Gunicorn where it is not installed: apps that import their base class from it run unchanged."""
