"""A believable population: a plan made by chance and seed alone, and a runner that lives it through real sockets."""
