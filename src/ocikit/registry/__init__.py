"""Registry client: the distribution specification, authentication and credentials."""
