"""A simulated city with a hidden truth: everything it yields is simulated, never Yantai."""
