"""Floor 5: images in, batches out. Named datasets, reading of image files, augmentation, splits, the loader."""
