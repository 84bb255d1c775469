"""A model behind HTTP: KServe v2, uploads, and a page where people drop an image."""
