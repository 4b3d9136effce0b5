"""One thin router per noun: parse, delegate, answer."""
