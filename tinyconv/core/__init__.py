"""Floor 0: what every other floor stands on. Data types, devices, random numbers, memory layout, shapes, errors."""
