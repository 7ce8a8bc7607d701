"""The same elements in other shapes and orders, put together and taken apart."""
