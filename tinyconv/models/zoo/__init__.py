"""The architectures, one file each: from the tables of their papers, with torchvision's names of parameters.

A builder takes (in_channels, num_classes, image_size, **options); its defaults are the published network. Floor 5.
"""
