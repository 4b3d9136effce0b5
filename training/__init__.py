"""How the models come to be."""
