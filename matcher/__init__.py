"""What a good match is: no web, no experiment tracking."""
