"""Interfaces of other engines over weir."""
