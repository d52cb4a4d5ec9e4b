"""Training: a recipe and prepared examples -> a network, exact under kills and resumes."""
