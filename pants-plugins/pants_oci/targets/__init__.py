"""Target types and fields of BUILD files. The help text of each field is its manual."""
