"""Whose file is it: folders and archives as the learning platforms export them."""
