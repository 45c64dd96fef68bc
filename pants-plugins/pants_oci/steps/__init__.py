"""From targets to a plan, one file per step: contents, layer, base, image, push."""
