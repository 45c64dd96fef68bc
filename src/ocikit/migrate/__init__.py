"""Convert Dockerfiles and BUILD files of other backends to targets."""
