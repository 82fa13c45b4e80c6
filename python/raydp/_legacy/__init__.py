"""Functions and classes of RayDP 1.6, kept under their former signatures."""
