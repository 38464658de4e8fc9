"""Checks of the real parts: a Docker Engine, the images, the production stack, deploys, backups."""
