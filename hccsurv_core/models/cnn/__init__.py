"""Convolutional networks that read lesion crops: ResNet50, ResNet18, DenseNet121."""
