"""What the pages are made of: controls, links, caches, live views and downloads."""
