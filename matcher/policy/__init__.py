"""The law as dated, cited data, and one pure function per measure."""
