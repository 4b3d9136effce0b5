"""What is known about an enterprise on a given day: no models, no web, no law."""
