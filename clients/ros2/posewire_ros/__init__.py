"""Publishes the hands and bodies that posewire camera boards send."""
