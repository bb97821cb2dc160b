"""Model packages for end-to-end tests, built when they are needed."""
