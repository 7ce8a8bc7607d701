"""Convolution and pooling of volumes, made of a backend's convolution and pooling of images."""
