"""What an image is made of, and how two of them differ."""
