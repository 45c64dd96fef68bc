"""What others write of images, read and written anew as targets: Dockerfiles, and other backends' BUILD files."""
