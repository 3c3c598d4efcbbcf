// Stands in for optional libraries that are never reached.
