"""The goals of Pants that this backend joins; each is a thin way into the steps."""
