"""The steps from targets to a plan, each in a file: contents, layer, base, image, push."""
