"""Visual prompting: a box or a point says which object, the model says which pixels are its."""
