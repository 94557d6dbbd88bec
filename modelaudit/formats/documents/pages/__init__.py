"""Pages and drawings in HTML and SVG: whether whoever opens one runs a script or fetches further content."""
