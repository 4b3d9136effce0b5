"""The edge: parse, delegate, answer."""
