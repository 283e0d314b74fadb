"""Records of other systems over HTTP: a page of them goes through the same mapping and import as a file."""
