"""How fast the ops, the graph and the layers are, beside torch on the same work with the same number of threads."""
