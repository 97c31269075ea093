"""One server for every rung: models by name, requests in the shapes that clients already speak."""
