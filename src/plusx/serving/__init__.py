"""A model behind HTTP: for people a page, for programs the Open Inference Protocol."""
